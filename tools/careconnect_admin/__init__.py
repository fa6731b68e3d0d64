"""The operator's command line: run the local stack, load records, manage clients and keys."""
