"""The actors of a run, and the requests that they send."""
