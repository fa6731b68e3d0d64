"""What two or more of the functions must agree on, and nothing else."""

__version__ = "1.0.0"
"""The one version number: the project's, and the one that its API and its documents state."""
