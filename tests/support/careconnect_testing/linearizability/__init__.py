"""Check that a history of concurrent operations on one key is linearizable."""
