"""Measure searches over a population of any size, whose tables are computed and not stored."""
