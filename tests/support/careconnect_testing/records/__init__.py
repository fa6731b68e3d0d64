"""Resources for tests, synthetic or real."""
