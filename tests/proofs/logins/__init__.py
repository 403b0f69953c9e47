"""Who gets in, and what a stranger learns (S9 to S11, S13)."""
