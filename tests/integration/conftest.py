"""One local stack for the whole session: the real template, IAM enforced, driven over HTTP."""

from careconnect_testing.stack_fixtures import (
    auditor,
    bearer,
    clients,
    editor,
    explorer,
    http,
    local_stack,
    record_tables,
    sample,
)

__all__ = ["auditor", "bearer", "clients", "editor", "explorer", "http", "local_stack", "record_tables", "sample"]
