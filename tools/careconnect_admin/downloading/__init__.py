"""Downloads of bulk exports, as a client of the service."""
