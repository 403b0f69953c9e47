"""Exactly one of everything raced (R8)."""
