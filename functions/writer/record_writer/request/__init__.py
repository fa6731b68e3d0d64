"""What a client asks: its write request, parsed from headers, query and body."""
