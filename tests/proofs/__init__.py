"""Measured claims about the whole: each prints one line of figures and fails below its target."""
