"""Pure functions whose results are remembered from run to run: the same bodies, tokens and keys recur."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, Final

from jwt.algorithms import RSAAlgorithm

from audit_archiver import s3_archive
from audit_archiver.archived_batch import unpack
from careconnect.endpoint import pipeline
from careconnect.oauth import signing_keys
from careconnect_records.stu3.validation import faults_of
from record_writer.checks import valid_resource

_MOST: Final = 20_000


def _remembered(function: Callable[..., Any], key_of: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that remembers results; one that raises is called again."""
    known: dict[Any, Any] = {}

    def remembered(*arguments: Any) -> Any:
        key = key_of(*arguments)
        if key not in known:
            result = function(*arguments)
            if len(known) >= _MOST:
                known.clear()
            known[key] = result
        return known[key]

    return remembered


REMEMBERED: Final[tuple[tuple[Any, str, Callable[..., Any]], ...]] = (
    (valid_resource, "faults_of", _remembered(faults_of, json.dumps)),
    (
        signing_keys,
        "_published",
        _remembered(signing_keys._published, lambda answer: (answer["KeyId"], answer["PublicKey"])),
    ),
    # The keys are those of `_published`, and so are never another's later.
    (
        RSAAlgorithm,
        "verify",
        _remembered(RSAAlgorithm.verify, lambda algorithm, message, key, signature: (message, id(key), signature)),
    ),
    (s3_archive, "unpack", _remembered(unpack, lambda key, body: (key, body))),
    (pipeline, "pinned_to_cpu", nullcontext),
)
"""(owner, name, function in its place): to be patched for a run."""
