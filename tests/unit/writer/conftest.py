"""The writers in memory, with tables of their own for each test."""

from careconnect_testing.parts.record_writers import module_writer, writer

__all__ = ["module_writer", "writer"]
