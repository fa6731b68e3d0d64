"""Promises of an erasure: nothing of the patient is left, and nobody else's record has changed but by unlinking."""

import json
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from careconnect.audit.event import AuditEvent, Outcome
from careconnect.oauth.access_token import patient_cutoff_key
from careconnect.storage.keys import JSON_ITEM, LOCK_ITEM, is_body
from careconnect.storage.traces import is_trace
from careconnect_admin.auditing.audited_erasure import ERASE, UNLINK
from careconnect_admin.erasing.unlink import unlinked
from careconnect_records.items.actions import Item
from careconnect_records.items.identifier_locks import lock_key, lock_of
from careconnect_records.items.resource_items import former_patients_of, patients_of
from careconnect_testing.dynamodb.database import Database
from careconnect_testing.simulation.actors.bodies import word_of
from careconnect_testing.simulation.ledger import ERASER_TASK, Commit, Ledger
from careconnect_testing.simulation.world.names import BASE, DIRECTORY, RECORDS, TABLES, TOKENS
from careconnect_testing.simulation.world.system import BrokenPromiseError

_OF_TOMBSTONES: Final = {"pk", "sk", "version", "updated", "gone", "method", "status", "erased", "former_patients"}
_OF_INDEX: Final = {"digest", "values", "entries", "targets"}
_MILLISECOND: Final = 0.001
_PLACES: Final = {
    "RecordTable": "records",
    "DirectoryTable": "records",
    "ReferenceTable": "counts",
    "TransactionTable": "",
    "DirectoryTransactionTable": "",
    "ClientTable": "clients",
    "TokenTable": "tokens",
    "UsageTable": "",
    "ProofTable": "",
    "AuditTable": "trail",
}
"""What each table may have of who is erased; empty for nothing."""


def check_erased(database: Database, ledger: Ledger, names: Mapping[str, str], events: Sequence[AuditEvent]) -> None:
    """Check what is stored once all erasures have ended; raises `BrokenPromiseError`.

    `names` are the tables in service, `events` those of operators.
    """
    if not ledger.erasures:
        return
    gone = {(each.key, each.version) for each in _of_erased(ledger)}
    bodies = [dict(item) for table in (RECORDS, DIRECTORY) for item in database.items(names[table])]
    _check_versions([each for each in bodies if is_body(each["sk"]["S"])], ledger, gone)
    _check_unlinked(ledger)
    _check_events(ledger, events)
    _check_left(database, ledger, names, gone)


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
    return commit.place < ledger.erased_last.get(patient, 0)


def _check_versions(bodies: Sequence[Item], ledger: Ledger, gone: set[tuple[str, int]]) -> None:
    """Check that versions of the erased are tombstones, and all others as they were."""
    for item in bodies:
        key, version = item["pk"]["S"], int(item["version"]["N"])
        commit = ledger.commits[key][version - 1]
        if (key, version) in gone:
            if item.keys() - _OF_TOMBSTONES:
                raise BrokenPromiseError(f"version {version} of {key} is not erased")
            continue
        left = {*patients_of(item), *former_patients_of(item)} & ledger.erased.keys()
        if any(not _lives_again(ledger, patient) for patient in left):
            raise BrokenPromiseError(f"version {version} of {key} still names {sorted(left)}")
        was_his = set(commit.patients) & ledger.erased.keys()
        content = json.loads(item["body"]["S"]) if "body" in item else None
        if content != commit.content and not was_his:
            raise BrokenPromiseError(f"version {version} of {key} has changed, and is nobody's who is erased")
    kept = {(item["pk"]["S"], int(item["version"]["N"])) for item in bodies}
    if lost := gone - kept:
        raise BrokenPromiseError(f"{min(lost)} has no tombstone")


def _lives_again(ledger: Ledger, patient: str) -> bool:
    """Return True if a patient was created anew since the erasure began."""
    commits = ledger.commits.get(f"Patient/{patient}", ())
    return any(each.place > ledger.erased_last[patient] and each.content is not None for each in commits)


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


def _check_events(ledger: Ledger, events: Sequence[AuditEvent]) -> None:
    """Check that an erasure has its event before a version of the patient goes, and another at its end.

    What is unlinked has one of the patient whose it is, of the same run.
    """
    at = defaultdict(list)
    for event in events:
        if event.outcome is Outcome.ALLOWED:
            at[event.interaction, event.patient].append(event.at / 1000)
    for run in ledger.erasures:
        if run.is_done and sum(run.began_at - _MILLISECOND <= each for each in at[ERASE, run.patient]) < 2:
            raise BrokenPromiseError(f"the erasure of {run.patient} has no two events")
    for key, commits in ledger.commits.items():
        for former, commit in pairwise(commits):
            if commit.task != ERASER_TASK:
                continue
            runs = [each for each in ledger.erasures if each.began_at <= commit.at <= each.ended_at]
            since = min(each.began_at for each in runs) - _MILLISECOND
            is_gone = commit.content is None
            whose = set(former.patients) & {each.patient for each in runs} if is_gone else {*commit.patients}
            for patient in whose:
                if not any(since <= each <= commit.at for each in at[ERASE if is_gone else UNLINK, patient]):
                    raise BrokenPromiseError(f"version {commit.version} of {key} was written without an event before")


def _check_left(database: Database, ledger: Ledger, names: Mapping[str, str], gone: set[tuple[str, int]]) -> None:
    """Check that no table has a word, an identifier or the id of who is erased, but where `docs/erasure.md` says so."""
    words, locks = _words(ledger, gone), _locks(ledger, gone)
    patients = [each for each in ledger.erased if not _lives_again(ledger, each)]
    for logical_id, name in TABLES.items():
        table = names.get(name, name)
        for item in map(dict, database.items(table)):
            text = json.dumps(item, default=repr) + _listed(item)
            key = (item.get("pk") or item["client_id"])["S"], item.get("sk", {}).get("S", "")
            if word := next((word for word in words if _has_word(text, word)), ""):
                raise BrokenPromiseError(f"{table}: {key} still has {word} of who is erased")
            if key[1] == LOCK_ITEM and key[0] in locks:
                raise BrokenPromiseError(f"{table}: the lock {key[0]} is left, of one who is erased")
            for patient in patients:
                is_named = re.search(rf"(?<![\w-]){patient}(?![\w-])", text)
                if is_named and not _may_name(_PLACES[logical_id], patient, key, item):
                    raise BrokenPromiseError(f"{table}: {key} still names {patient}, who is erased")
    for patient in ledger.erased:
        cutoff = {"pk": {"S": patient_cutoff_key(patient)}}
        if "Item" not in database.execute("get_item", {"TableName": TOKENS, "Key": cutoff}):
            raise BrokenPromiseError(f"the tokens of {patient} have not ended")


def _may_name(place: str, patient: str, key: tuple[str, str], item: Item) -> bool:
    """Return True if an item of a table may name a patient who is erased, by `docs/erasure.md`, What remains."""
    own = f"Patient/{patient}"
    match place:
        case "records":
            # A tombstone of the Patient; a former version of another that refers to the record.
            is_tombstone = key[0] == own and not (item.keys() - _OF_TOMBSTONES - _OF_INDEX)
            # When versions of the Patient came and went, which the tombstones say too.
            is_by_time = key[0].startswith(("Patient?_lastUpdated^", "Patient?_deleted^"))
            is_empty = is_trace(item) or item.get("values") == {"S": "{}"}
            if is_tombstone or (is_by_time and is_empty):
                return True
            return is_body(key[1]) and key[1] != JSON_ITEM and patient not in patients_of(item)
        case "counts":
            return key[0].partition("#")[0] == own and all(
                each in ({"N": "0"}, {"BOOL": True}) for each in _counts(item)
            )
        case "clients":
            return (item["patient"], item["enabled"]) == ({"S": patient}, {"BOOL": False})
        case "tokens":
            return key[0] == patient_cutoff_key(patient)
        case "trail":
            return True
    return False


def _counts(item: Item) -> list[Any]:
    return [value for name, value in item.items() if name != "pk"]


def _has_word(text: str, word: str) -> bool:
    """Return True if a word is in a text: as a text, as a name, or in the identifiers of a patient that has many."""
    return any(each in text for each in (f'"{word}', f'\\"{word}', f"w{word}", f"-{word}-"))


def _words(ledger: Ledger, gone: set[tuple[str, int]]) -> set[str]:
    """Return the words that stood in erased versions, and in no others."""
    words: dict[bool, set[str]] = {True: set(), False: set()}
    for content, is_gone in _contents(ledger, gone):
        words[is_gone].add(word_of(content))
    return {word for word in words[True] - words[False] if "." in word}


def _locks(ledger: Ledger, gone: set[tuple[str, int]]) -> set[str]:
    """Return the partitions of the locks of identifiers that erased versions had, and no others."""
    locks: dict[bool, set[str]] = {True: set(), False: set()}
    for content, is_gone in _contents(ledger, gone):
        for each in content.get("identifier", ()):
            lock = lock_key(lock_of(content["resourceType"], each["system"], each["value"]))
            locks[is_gone].add(lock["pk"]["S"])
    return locks[True] - locks[False]


def _contents(ledger: Ledger, gone: set[tuple[str, int]]) -> Iterator[tuple[Mapping[str, Any], bool]]:
    """Yield each content that was stored, and whether it is gone."""
    for commits in ledger.commits.values():
        for commit in commits:
            if commit.content is not None:
                yield commit.content, (commit.key, commit.version) in gone


def _listed(item: Item) -> str:
    return repr(zlib.decompress(bytes(item["listed"]["B"]))) if "listed" in item else ""
