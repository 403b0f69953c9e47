"""Redis, Postgres, SQLite and Stripe on their bad days (R3 to R7), and events that fell their worker (R11)."""
