"""The schedule of a run: its choices, its tasks, and pools in the place of threads."""
