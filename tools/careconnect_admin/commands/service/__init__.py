"""The commands that run or call the service: run, sam-local, sample, get, search, token, tokens, smoke."""
