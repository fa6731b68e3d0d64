"""Promises of single answers: statuses, whole versions, and nothing newer or older than allowed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from careconnect_testing.http.answer import Answer
from careconnect_testing.simulation.actors.bodies import patients_of
from careconnect_testing.simulation.ledger import BUNDLES, Commit, Exchange, Ledger, parts_of
from careconnect_testing.simulation.world.system import BrokenPromiseError
from fhir_reader.budget import MAX_SECONDS

FRESH_SECONDS: Final = 1.0
"""How old the index may be that a search without `Cache-Control: no-cache` reads."""

WRITE_SECONDS: Final = 10.0
"""The time after which a write is done or refused, however many others write the same resource."""

_OF_TOKENS: Final = frozenset({200, 400, 401, 429, 503})
_READS: Final = frozenset({200, 401, 403, 404, 410, 429, 503})
_WRITES: Final[Mapping[str, frozenset[int]]] = {
    "create": frozenset({201, 403, 422}),
    "create-if-none": frozenset({200, 201, 403, 412, 422}),
    "put": frozenset({200, 201, 403, 404, 409, 422}),
    "name": frozenset({200, 201, 403, 422}),
    "refer": frozenset({200, 201, 403, 422}),
    "put-big": frozenset({200, 201, 403, 404, 409, 422}),
    "put-where": frozenset({200, 201, 403, 412, 422}),
    "patch": frozenset({200, 403, 404, 409, 410, 422}),
    "bundle": frozenset({200, 400, 403, 409, 412, 422}),
    "batch": frozenset({200, 403}),
    "delete": frozenset({204, 403, 409}),
    "delete-where": frozenset({204, 403, 409, 412}),
}
_OF_ANY: Final = frozenset({401, 429, 503})


@dataclass
class Answers:
    """Checks each answer as it is given. Without `faults`, nothing is ever unavailable."""

    ledger: Ledger
    has_faults: bool
    is_rationed: bool = False
    """Whether clients have a small quota, for which a request may be too dear."""

    def judge(self, done: Exchange) -> None:
        """Check an exchange; raises `BrokenPromiseError`."""
        answer = done.answer
        if done.step.kind == "batch" and answer is not None:
            for part in parts_of(done):
                self.judge(part)
        if answer is None:
            if not self.has_faults:
                raise BrokenPromiseError("a request got no answer though nothing failed")
            return
        if self.has_faults and _took_its_time(done, answer):
            return
        if self.is_rationed and answer.status == 422 and done.sent.token:
            return
        if answer.status not in _statuses(done):
            raise BrokenPromiseError(f"{done.step} of {done.client} was answered {answer.status}: {answer.text[:300]}")
        if answer.status == 503 and not self.has_faults and not self.ledger.was_closed:
            raise BrokenPromiseError(f"{done.step} was answered 503 though nothing failed: {answer.text[:300]}")
        is_single = done.step.kind in _WRITES and done.step.kind not in BUNDLES
        if is_single and not self.has_faults and done.ended_at - done.began_at > WRITE_SECONDS:
            raise BrokenPromiseError(f"{done.step} took {done.ended_at - done.began_at:.1f} seconds")
        for resource in shown(answer):
            self._check_version(done, resource)
        if is_single and answer.status in (200, 201):
            self._check_written(done, answer)

    def _check_version(self, done: Exchange, resource: Mapping[str, Any]) -> None:
        """Check that a resource is a version as it was stored."""
        key = f"{resource['resourceType']}/{resource['id']}"
        version = int(resource["meta"]["versionId"])
        known = self.ledger.commits.get(key, [])
        if not 0 < version <= len(known) or known[version - 1].content != resource:
            raise BrokenPromiseError(f"{done.step} showed {key} in a version {version} that was never stored")
        commit = known[version - 1]
        if done.ended is not None and commit.place > done.ended:
            raise BrokenPromiseError(f"{done.step} showed a version of {key} before it was stored")
        if done.step.kind in ("vread", "history") or done.step.kind in _WRITES:
            return
        replaced = known[version] if version < len(known) else None
        if replaced is None:
            return
        is_exact = done.step.kind == "read" or "Cache-Control" in done.sent.headers
        allowed = 0.0 if is_exact else FRESH_SECONDS
        if replaced.place < done.began and replaced.at < done.began_at - allowed:
            raise BrokenPromiseError(f"{done.step} showed version {version} of {key}, which had been replaced before")

    def _check_written(self, done: Exchange, answer: Answer) -> None:
        """Check that a write's answer names a version that this write could have made or found."""
        location = answer.headers.get("Location", "")
        key, _, version = location.partition("/STU3/")[2].partition("/_history/")
        known = self.ledger.commits.get(key, [])
        if not 0 < int(version) <= len(known):
            raise BrokenPromiseError(f"{done.step} was answered with {location}, which is not stored")
        commit = known[int(version) - 1]
        if any(each["meta"]["versionId"] != version for each in shown(answer)):
            raise BrokenPromiseError(f"{done.step} was answered with {location}, and showed another version")
        if done.step.kind == "create" and commit.place < done.began:
            raise BrokenPromiseError(f"{done.step} was answered with {location}, which was there before")
        if answer.status == 201 and not _begins(known, commit):
            raise BrokenPromiseError(f"{done.step} was answered 201 with {location}, which was no creation")


def _begins(known: list[Commit], commit: Commit) -> bool:
    return commit.version == 1 or known[commit.version - 2].content is None


def _took_its_time(done: Exchange, answer: Answer) -> bool:
    """Return True for a read that is refused as its calls, slow or repeated, have taken all the time of a read."""
    seconds = done.ended_at - done.began_at
    return answer.status == 400 and f"more than {MAX_SECONDS:g} seconds" in answer.text and seconds >= MAX_SECONDS


def _statuses(done: Exchange) -> frozenset[int]:
    kind = done.step.kind
    if not done.sent.token:
        return _OF_TOKENS
    return _OF_ANY | _WRITES[kind] if kind in _WRITES else _READS


def shown(answer: Answer) -> Iterator[Mapping[str, Any]]:
    """Yield the resources in an answer, but for outcomes and audit events."""
    if answer.status >= 400 or "fhir+json" not in answer.headers.get("Content-Type", ""):
        return
    body = answer.json if answer.text else {}
    entries = body.get("entry", ()) if body.get("resourceType") == "Bundle" else ({"resource": body},)
    # A search within a Bundle is answered by a Bundle.
    inner = (each for entry in entries for each in entry.get("resource", {}).get("entry", ()))
    for entry in (*entries, *inner):
        resource = entry.get("resource", {})
        if resource.get("resourceType", "OperationOutcome") not in ("OperationOutcome", "AuditEvent", "Bundle"):
            yield resource


def patients_shown(answer: Answer) -> set[str]:
    """Return the patients of whom an answer shows a resource."""
    return {patient for resource in shown(answer) for patient in patients_of(resource)}
