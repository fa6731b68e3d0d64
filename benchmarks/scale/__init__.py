"""Measure searches over a population of any size; its tables are computed, not stored."""
