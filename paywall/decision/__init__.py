"""The decision: a pure function of facts. Standard library only, no clock, no database, no framework."""
