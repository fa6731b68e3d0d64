"""A local stack for what must be refused: the real template, IAM enforced, driven over HTTP."""

from careconnect_testing.stack_fixtures import (
    bearer,
    clients,
    editor,
    explorer,
    http,
    local_stack,
    record_tables,
    sample,
)

__all__ = ["bearer", "clients", "editor", "explorer", "http", "local_stack", "record_tables", "sample"]
