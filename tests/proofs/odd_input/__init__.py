"""Forged, odd and bad input (S4 to S6)."""
