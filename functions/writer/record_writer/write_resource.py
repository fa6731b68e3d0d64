"""Write one resource: decide on what is there now, have one transaction verify it, and begin anew if it is not so."""

import time
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import partial
from random import SystemRandom
from typing import Any, Final

from careconnect.audit.query import MOST_PATIENTS, PATIENT
from careconnect.fhir import outcomes
from careconnect.storage.keys import resource_key
from careconnect_records.items.actions import Item
from careconnect_records.items.record import NewVersion, TooLargeError, deleted_version, new_version
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.writes.change import plan_write
from record_writer import refusals
from record_writer.compartment import patients_in_body, patients_of_items
from record_writer.find_target import Target, find_resource, sees
from record_writer.patch_resource import patched
from record_writer.record_store import ConflictError, NotTakenError, RecordStore
from record_writer.require_references import require_references, targets_of
from record_writer.valid_resource import require_own, require_valid, require_writable
from record_writer.write_request import Kind, WriteRequest, Written

SECONDS: Final = 10.0
"""For so long a write that others come before is tried again."""

_OF_PATIENT: Final = resource_key(PATIENT.name, "")
_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.8


@dataclass(frozen=True, slots=True)
class ResourceWriter:
    """Writes resources. `clock` gives epoch seconds, `elapsed` seconds of any beginning."""

    store: RecordStore
    clock: Callable[[], float] = time.time
    elapsed: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    random: Callable[[], float] = SystemRandom().random

    def write(self, wanted: WriteRequest, lost: Callable[[], None]) -> Written:
        """Write what is wanted; `lost` is called each time that another write came in between.

        Raises the outcomes that refuse it (`write.md`), 503 where others come before it for `SECONDS`.
        """
        if wanted.kind in (Kind.CREATE, Kind.UPDATE) and not (wanted.condition and wanted.type.is_patient):
            require_own(wanted.caller, wanted.type, wanted.resource, wanted.id, wanted.root)
        end = self.elapsed() + SECONDS
        pause = _FIRST_PAUSE
        while True:
            try:
                return self._attempt(wanted)
            except ConflictError:
                lost()
            except NotTakenError as error:
                if not (error.is_down and wanted.trail.goes_without()):
                    raise outcomes.unavailable(str(error)) from error
            except TooLargeError:
                raise refusals.too_large() from None
            if self.elapsed() + pause > end:
                raise refusals.lost_to_others()
            # Of a length of its own: two that met would meet again.
            self.sleep(pause * (0.5 + self.random()))
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _attempt(self, wanted: WriteRequest) -> Written:
        if wanted.kind is Kind.CREATE:
            return self._create(wanted)
        if wanted.kind is Kind.UPDATE:
            return self._update(wanted)
        return self._patch(wanted) if wanted.kind is Kind.PATCH else self._delete(wanted)

    def _create(self, wanted: WriteRequest) -> Written:
        found = self._found(wanted)
        if found.state is not None:
            return self._as_it_is(wanted, found)
        return self._put(wanted, found, wanted.resource, "POST")

    def _update(self, wanted: WriteRequest) -> Written:
        found = self._found(wanted)
        if wanted.condition is None:
            if wanted.caller.patient and found.version == 0:
                raise found.absent()
        elif found.state is None:
            require_writable(wanted.caller, wanted.type, new=True)
        elif wanted.body_id not in (None, found.id):
            raise refusals.another_id()
        return self._put(wanted, found, wanted.resource, "PUT")

    def _patch(self, wanted: WriteRequest) -> Written:
        found = self._found(wanted)
        if found.version == 0:
            raise found.absent()
        if found.is_gone:
            raise outcomes.gone()
        self._require_match(wanted, found)
        found = replace(found, body=self._body(wanted, found))
        before = parse_json_body(self._text(wanted, found).encode())
        identity = _identity(before)
        after = patched(before, wanted.patch)
        if _identity(after) != identity:
            raise refusals.patch_of_identity()
        self._finds(wanted, found, patients_in_body(wanted.type, after, wanted.root))
        require_valid(after, wanted.root)
        require_own(wanted.caller, wanted.type, after, found.id, wanted.root)
        return self._put(wanted, found, after, "PUT")

    def _delete(self, wanted: WriteRequest) -> Written:
        found = self._found(wanted)
        if found.unseen is not None:
            wanted.trail.withheld(found.unseen)
            return Written(204)
        if found.is_gone:
            named = (wanted.id,) if wanted.type.is_patient and wanted.id else ()
            wanted.trail.touched(self._patients(wanted, found) or named)
            return Written(204)
        self._require_match(wanted, found)
        if types := self.store.referring(resource_key(wanted.type.name, found.id)):
            raise refusals.still_referred_to(types)
        return self._write(wanted, found, deleted_version(wanted.type, found.id), "DELETE")

    def _put(self, wanted: WriteRequest, found: Target, resource: dict[str, Any], method: str) -> Written:
        """Have a resource be this, once what it refers to is seen to be there."""
        whole = {**resource, "id": found.id}
        targets = targets_of(whole, wanted.root)
        if sum(target.startswith(_OF_PATIENT) for target in targets) > MOST_PATIENTS:
            raise refusals.too_many_patients()
        states = self.store.present(targets - {resource_key(wanted.type.name, found.id)})
        require_references(whole, found.state, states, partial(sees, wanted.caller), wanted.root)
        self._require_match(wanted, found)
        return self._write(wanted, found, new_version(wanted.type, whole), method)

    def _write(self, wanted: WriteRequest, found: Target, content: NewVersion, method: str) -> Written:
        now = int(self.clock() * 1000)
        change = plan_write(content, found.state, now=now, base_url=wanted.root, method=method)
        if change is None:
            return self._as_it_is(wanted, found)
        if change.needs_former:
            change = change.keeping(self._body(wanted, found))
        body = change.record.body
        status, made = int(body["status"]["S"]), f"{content.key}/_history/{change.version}"
        # Whose it was and whose it is: what moves from one record to another concerns both.
        former = [change.former] if change.former else []
        patients = self._patients(wanted, found, *former, change.record.index)
        self.store.write(change, found.expected, wanted.trail.put_actions(patients, made))
        wanted.trail.committed(patients, made)
        shown = body["body"]["S"] if "body" in body else ""
        return Written(status, found.id, change.version, change.updated, shown)

    def _as_it_is(self, wanted: WriteRequest, found: Target) -> Written:
        """Answer with what is there."""
        wanted.trail.touched(self._patients(wanted, found))
        shown = self._text(wanted, found) if wanted.shown else ""
        return Written(200, found.id, found.version, found.state.updated if found.state else 0, shown)

    def _text(self, wanted: WriteRequest, found: Target) -> str:
        """Return the current version's JSON."""
        return str(self._body(wanted, found)["body"]["S"])

    def _body(self, wanted: WriteRequest, found: Target) -> Item:
        """Return the body of the version that was found; raises `ConflictError` if there is another by now."""
        item = found.body or self.store.body(wanted.type, found.id)
        if item is None or item["version"]["N"] != str(found.version):
            raise ConflictError
        return item

    def _found(self, wanted: WriteRequest) -> Target:
        found = find_resource(self.store, wanted, self.new_id)
        self._finds(wanted, found, wanted.patients)
        return found

    def _finds(self, wanted: WriteRequest, found: Target, named: Collection[str]) -> None:
        """Tell the trail which resource this is about, and whose it is, or is to be by the patients who are `named`.

        What the caller does not see is about those whose it is, and nobody who is named instead.
        """
        ids = [resource_key(wanted.type.name, found.id)] if found.state or wanted.id else []
        seen = (*self._patients(wanted, found), *named)
        wanted.trail.concerns(seen if found.unseen is None else found.unseen, ids)

    def _patients(self, wanted: WriteRequest, found: Target, *items: Item) -> tuple[str, ...]:
        """Return the patients of what was found, of the body that was read of it, and of what else is there."""
        read = (found.state.item if found.state else None, found.body)
        there = [*(item for item in read if item), *items]
        return patients_of_items(wanted.type, found.id, there) if there else ()

    def _require_match(self, wanted: WriteRequest, found: Target) -> None:
        if wanted.if_match is not None and (found.is_gone or not wanted.if_match.allows(found.version)):
            raise refusals.another_version()


def _identity(resource: dict[str, Any]) -> tuple[Any, ...]:
    """Return what of a resource a patch may not change."""
    meta = resource.get("meta")
    return resource.get("resourceType"), resource.get("id"), meta.get("versionId") if isinstance(meta, dict) else None
