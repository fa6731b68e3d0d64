"""The commands of `careconnect clients`."""
