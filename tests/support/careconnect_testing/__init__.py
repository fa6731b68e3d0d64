"""What tests share: records, events, clients, stacks, and searches written apart from the server."""
