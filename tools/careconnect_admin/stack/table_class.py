"""The parameter with DynamoDB's class of the audit table."""

from typing import Final

PARAMETER: Final = "AuditTableClass"

STANDARD: Final = "STANDARD"
"""The class of a table that was given none."""
