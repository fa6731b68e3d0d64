"""Code that two or more of the functions share, and nothing else."""

__version__ = "1.0.0"
"""The version of the project, of its API and of its documents."""
