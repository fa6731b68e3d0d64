"""The access record: its events and how they are kept, and the chain that seals them (`audit.md`)."""
