"""Import a function's handler as Lambda does: in a new process, with the function's environment and nothing else."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

ENVIRONMENT: Final = {
    "POWERTOOLS_SERVICE_NAME": "a-function",
    "POWERTOOLS_METRICS_NAMESPACE": "CareConnect/test",
    "READER_TABLE": "record",
    "WRITER_TABLE": "record",
    "TOKEN_TABLE": "tokens",
    "CLIENT_TABLE": "clients",
    "RECORD_TABLE": "records",
    "DIRECTORY_TABLE": "directory",
    "REFERENCE_TABLE": "references",
    "TRANSACTION_TABLE": "transactions",
    "DIRECTORY_TRANSACTION_TABLE": "directory-transactions",
    "USAGE_TABLE": "usage",
    "PROOF_TABLE": "proofs",
    "AUDIT_TABLE": "audit",
    "AUDIT_RETENTION_DAYS": "0",
    "AUDIT_FAILURE": "closed",
    "EXPORT_TABLE": "export",
    "EXPORT_BUCKET": "export",
    "EXPORT_MACHINE": "arn:aws:states:eu-west-2:123456789012:stateMachine:exports",
    "EXPORT_WORKER": "worker",
    "ARCHIVE_JOB": "verify",
    "ARCHIVE_BUCKET": "archive",
    "ARCHIVE_RETENTION_DAYS": "365",
    "ACCESS_DIGEST_KEY_ALIAS": "alias/digest",
    "SIGNING_KEY_ALIAS": "alias/signing",
    "ALLOWED_ORIGINS": "*",
    "DIRECTION": "read",
    "CONSOLE": "on",
    "BULK_EXPORT": "on",
    "EXPORT_JOBS_PER_CLIENT": "2",
    "EXPORT_RETENTION_HOURS": "24",
}
"""The environment variables of all functions together."""

PACKAGES: Final = (
    *("token_issuer", "scope_authorizer", "fhir_reader", "record_writer", "bundle_processor"),
    *("access_auditor", "audit_archiver", "service_discovery", "service_console"),
    *("write_recovery", "export_keeper", "export_sender", "export_worker"),
)
"""The packages with a handler; the authorizer, the reader and the writer are deployed as two functions each."""

_AWS: Final = {
    "AWS_REGION": "eu-west-2",
    "AWS_DEFAULT_REGION": "eu-west-2",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
}


def cold_start(
    package: str, environment: Mapping[str, str], then: str = "", *, before: str = "", only: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Import `package`'s handler in a new process, between other statements, and return the ended process.

    Modules come from the folders `only`, if any are named, and from the standard library.
    """
    return started(f"{before}\nimport {package}.handler\n{then}", environment, only)


def started(
    statements: str, environment: Mapping[str, str], only: Sequence[Path] = ()
) -> subprocess.CompletedProcess[str]:
    """Execute statements in a new process and return the ended process."""
    options = ("-I", "-S") if only else ()
    path = f"import sys\nsys.path[:0] = {[str(folder) for folder in only]!r}\n" if only else ""
    return subprocess.run(
        [sys.executable, *options, "-c", path + statements],
        env={"PATH": os.environ["PATH"], **_AWS, **environment},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
