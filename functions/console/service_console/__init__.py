"""Serves the front door: the page that a person sees, with what it is made of, and nothing else."""
