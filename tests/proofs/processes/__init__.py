"""Real processes, and the services that a proof may freeze, flush and kill."""
