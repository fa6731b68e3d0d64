"""The operator's side of bulk exports: end those that hold what has to go, fail those that cannot be exact any more."""
