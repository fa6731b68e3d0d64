"""Resources to test with, invented or given."""
