"""What this app answers: the access API, what edges need, a page for readers of institutions."""
