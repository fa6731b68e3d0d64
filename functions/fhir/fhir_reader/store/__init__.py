"""What the reader asks a store for, and the tables that answer."""
