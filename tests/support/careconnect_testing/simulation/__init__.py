"""Runs of the whole system in one thread, in which a seed chooses each step: who goes on, and what fails."""
