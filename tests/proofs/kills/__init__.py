"""Processes killed at named points (R2)."""
