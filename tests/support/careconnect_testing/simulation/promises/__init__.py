"""The promises of `docs/contract`, as checks of a run: each raises `BrokenPromiseError`."""
