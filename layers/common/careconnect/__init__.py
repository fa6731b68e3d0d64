"""What two or more of the functions must agree on, and nothing else."""
