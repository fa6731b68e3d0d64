"""Reading the audit trail as an operator."""
