"""Django's Postgres backend with patience for a server that is just starting again; named by `settings.DATABASES`."""
