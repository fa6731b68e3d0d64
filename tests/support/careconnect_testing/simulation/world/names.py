"""The names and constants that every run shares."""

from typing import Final

from careconnect.fhir.resource_types import Table

START: Final = 1_790_000_000.0
"""Epoch seconds at which every run begins."""

BASE: Final = "https://care.example"

RECORDS, DIRECTORY, REFERENCES = "records", "directory", "references"
TRANSACTIONS, DIRECTORY_TRANSACTIONS = "transactions", "directory-transactions"
OF_RESOURCES: Final = (RECORDS, DIRECTORY, REFERENCES, TRANSACTIONS, DIRECTORY_TRANSACTIONS)
"""The tables that a restore replaces, in the order of `RecordTables`."""
CLIENTS, TOKENS, USAGE, PROOFS, AUDIT = "clients", "tokens", "usage", "proofs", "audit"
NEVER_IN_TRANSACTIONS: Final = frozenset({CLIENTS, TOKENS, USAGE, PROOFS})
"""The tables in which no call conflicts with a transaction."""
RESOURCE_TABLES: Final = {Table.RECORD: RECORDS, Table.DIRECTORY: DIRECTORY}

TABLES: Final = {
    "RecordTable": RECORDS,
    "DirectoryTable": DIRECTORY,
    "ReferenceTable": REFERENCES,
    "TransactionTable": TRANSACTIONS,
    "DirectoryTransactionTable": DIRECTORY_TRANSACTIONS,
    "ClientTable": CLIENTS,
    "TokenTable": TOKENS,
    "UsageTable": USAGE,
    "ProofTable": PROOFS,
    "AuditTable": AUDIT,
}
"""The run's tables, by their resources in the template."""
