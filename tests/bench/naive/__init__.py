"""To compare with: the same question answered the usual way, by Django's sessions, the ORM, and a view of DRF."""
