"""Period ends, grace and the clock (R14)."""
