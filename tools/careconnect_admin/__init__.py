"""The operator's command line: run the local stack, load records, administer clients and keys."""
