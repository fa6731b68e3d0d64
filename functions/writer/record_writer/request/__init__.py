"""The write request of a client, parsed from path, headers, query and body."""
