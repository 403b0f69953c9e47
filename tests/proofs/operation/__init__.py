"""What operators do: start (S7), restore (R13), the commands of their page."""
