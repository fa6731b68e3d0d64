"""Promises of an erasure: nothing of the patient is left, and nobody else's record has changed but by unlinking."""

import json
import zlib
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from careconnect.storage.keys import is_body
from careconnect_admin.erasing.unlink import unlinked
from careconnect_records.items.resource_items import former_patients_of, patients_of
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.actors.bodies import word_of
from careconnect_testing.simulation.ledger import ERASER_TASK, Commit, Ledger
from careconnect_testing.simulation.world.names import BASE, DIRECTORY, OF_RESOURCES, RECORDS
from careconnect_testing.simulation.world.system import BrokenPromiseError


def check_erased(database: Database, ledger: Ledger) -> None:
    """Check what is stored once all erasures have ended; raises `BrokenPromiseError`."""
    if not ledger.erased:
        return
    gone = {(each.key, each.version) for each in _of_erased(ledger)}
    _check_versions(database, ledger, gone)
    _check_unlinked(ledger)
    for word in _words(ledger, gone):
        for table in OF_RESOURCES:
            for item in database.items(table):
                text = json.dumps(item, default=repr) + _listed(item)
                # As a text, as a name, and in the identifiers of a patient that has many.
                if any(each in text for each in (f'"{word}', f'\\"{word}', f"w{word}", f"-{word}-")):
                    raise BrokenPromiseError(f"{item['pk']['S']} {item.get('sk')} still has {word} of who is erased")


def _of_erased(ledger: Ledger) -> Iterator[Commit]:
    """Yield the versions that an erasure has found: those before the last tombstone of their resource, or move."""
    for commits in ledger.commits.values():
        for commit in commits:
            if any(_is_over(ledger, commit, patient) for patient in commit.patients):
                yield commit


def _is_over(ledger: Ledger, commit: Commit, patient: str) -> bool:
    """Return True if a version was in the record of a patient when the erasure began.

    Whoever is erased may be created anew.
    """
    return commit.place < ledger.erased.get(patient, 0)


def _check_versions(database: Database, ledger: Ledger, gone: set[tuple[str, int]]) -> None:
    """Check that versions of the erased are tombstones, and all others as they were."""
    for table in (RECORDS, DIRECTORY):
        for item in map(dict, database.items(table)):
            if not is_body(item["sk"]["S"]):
                continue
            key, version = item["pk"]["S"], int(item["version"]["N"])
            commit = ledger.commits[key][version - 1]
            if (key, version) in gone:
                if "body" in item or patients_of(item):
                    raise BrokenPromiseError(f"version {version} of {key} is not erased")
                continue
            left = {*patients_of(item), *former_patients_of(item)} & ledger.erased.keys()
            if any(not _lives_again(ledger, patient) for patient in left):
                raise BrokenPromiseError(f"version {version} of {key} still names {sorted(left)}")
            was_his = set(commit.patients) & ledger.erased.keys()
            content = json.loads(item["body"]["S"]) if "body" in item else None
            if content != commit.content and not was_his:
                raise BrokenPromiseError(f"version {version} of {key} has changed, and is nobody's who is erased")


def _lives_again(ledger: Ledger, patient: str) -> bool:
    """Return True if a patient was created anew since the erasure began."""
    commits = ledger.commits.get(f"Patient/{patient}", ())
    return any(each.place > ledger.erased[patient] and each.content is not None for each in commits)


def _check_unlinked(ledger: Ledger) -> None:
    """Check that an erasure has written nothing of others but their content without references."""
    targets = {
        *(f"Patient/{patient}" for patient in ledger.erased),
        *(
            key
            for key, commits in ledger.commits.items()
            for each in commits
            if set(each.patients) & ledger.erased.keys()
        ),
    }
    for key, commits in ledger.commits.items():
        for former, commit in pairwise(commits):
            if commit.task != ERASER_TASK:
                continue
            if commit.content is None:
                if not set(former.patients) & ledger.erased.keys():
                    raise BrokenPromiseError(f"{key} was erased, and is nobody's who is erased")
            elif _bare(commit.content, targets) != _bare(former.content or {}, targets):
                raise BrokenPromiseError(f"version {commit.version} of {key} is not the former one, unlinked")


def _bare(content: Mapping[str, Any], targets: set[str]) -> Any:
    """Return a content without its version, and without all references that may have been unlinked."""
    return unlinked({name: value for name, value in content.items() if name != "meta"}, targets, base_url=BASE)


def _words(ledger: Ledger, gone: set[tuple[str, int]]) -> set[str]:
    """Return the words that stood in erased versions, and in no others."""
    words: dict[bool, set[str]] = {True: set(), False: set()}
    for commits in ledger.commits.values():
        for commit in commits:
            if commit.content is not None:
                words[(commit.key, commit.version) in gone].add(word_of(commit.content))
    return {word for word in words[True] - words[False] if "." in word}


def _listed(item: Mapping[str, Any]) -> str:
    return repr(zlib.decompress(bytes(item["listed"]["B"]))) if "listed" in item else ""
