"""Who reads the access record, and seals it."""
