"""A ledger of mixed requests to a local stack that is disturbed, and the checks of its answers and stored items."""
