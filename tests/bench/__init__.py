"""How fast the access check answers, beside a bare Django view and the same check written the usual way."""
