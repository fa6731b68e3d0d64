"""Promise 9 by pairs of stores: what an answer depends on is recorded (`audit.md`)."""
