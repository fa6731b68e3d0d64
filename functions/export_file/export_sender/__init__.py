"""Answers the files of bulk exports."""
