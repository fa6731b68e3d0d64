"""OAuth clients: the registration rules, the client table, the demo clients."""
