"""Both sides of the books, and whether they say the same."""
