"""Read one resource by id, or one version of it."""

import re
from typing import Final

from careconnect.audit.disclosures import Disclosures
from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.caller import Caller
from careconnect.oauth.scopes import Letter
from fhir_reader.opened import opening_scope
from fhir_reader.store.resource_store import ResourceStore
from fhir_reader.store.stored import StoredResource, patients_in

_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")


def read_resource(
    store: ResourceStore,
    caller: Caller,
    type_: ResourceType,
    resource_id: str,
    found: Disclosures,
    *,
    version: str = "",
) -> StoredResource:
    """Return the current version of a resource, or its version `version`: one read, and one more if it was replaced.

    Sets in `found` the scope with a suffix that opened it, if only such a scope did. Raises the 404 outcome for an
    unknown id or version. A resource outside the caller's compartment, or that `r` does not open, gets the same 404.
    Raises 410 for a deleted resource, and for the version that is its deletion (STU3 RESTful API §2.21.0.4, vread).
    """
    stored = read_current(store, caller, type_, resource_id, found)
    if version and version != str(stored.version):
        before = stored
        is_number = _VERSION.fullmatch(version) and int(version) < before.version
        kept = store.versions.read(type_, resource_id, int(version)) if is_number else None
        if kept is None:
            raise outcomes.not_found(patients_in(type_, resource_id, before))
        # It may have been in another compartment, and other scopes may open it.
        _require_seen(store, caller, type_, resource_id, kept, found)
        stored = kept
    if stored.deleted:
        raise outcomes.gone(patients_in(type_, resource_id, stored))
    return stored


def read_current(
    store: ResourceStore, caller: Caller, type_: ResourceType, resource_id: str, found: Disclosures
) -> StoredResource:
    """Return the current version of a resource, or its deletion; raises as `read_resource`, except for 410."""
    stored = store.read(type_, resource_id)
    if stored is None:
        raise outcomes.not_found()
    _require_seen(store, caller, type_, resource_id, stored, found)
    return stored


def _require_seen(
    store: ResourceStore,
    caller: Caller,
    type_: ResourceType,
    resource_id: str,
    stored: StoredResource,
    found: Disclosures,
) -> None:
    """Raise the 404 outcome for a version that the caller may not see.

    If `r` is limited, what was deleted decides on its deletion: one read more.
    """
    if not caller.sees(type_, resource_id, stored.patients):
        raise outcomes.out_of_compartment(stored.patients)
    content: StoredResource | None = stored
    if stored.deleted and caller.limits(type_, Letter.READ):
        content = store.versions.read(type_, resource_id, stored.version - 1)
    scope = opening_scope(caller, type_, content.body if content else "")
    found.scope = scope or ""
    if scope is None:
        raise outcomes.out_of_scope(stored.patients)
