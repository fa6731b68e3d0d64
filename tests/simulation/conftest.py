"""A local stack with the searched records, for searches that are made up."""

from careconnect_testing.search_stack import search_stack

__all__ = ["search_stack"]
