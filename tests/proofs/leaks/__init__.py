"""Who gets to see what (S1 to S3)."""
