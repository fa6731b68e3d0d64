"""Options, output and progress display shared by several commands."""
