"""Read one resource by id, or one version of it."""

import re
from typing import Final

from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import ResourceType
from careconnect.oauth.caller import Caller
from fhir_reader.store.resource_store import ResourceStore
from fhir_reader.store.stored import StoredResource, patients_in

_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")


def read_resource(
    store: ResourceStore,
    caller: Caller,
    type_: ResourceType,
    resource_id: str,
    *,
    version: str = "",
) -> StoredResource:
    """Return the current version of a resource, or its version `version`: one read, and one more if it was replaced.

    Raises the 404 outcome for an unknown id or version. A resource outside the caller's compartment gets the same 404.
    Raises 410 for a deleted resource, and for the version that is its deletion (STU3 RESTful API §2.21.0.4, vread).
    """
    stored = read_current(store, caller, type_, resource_id)
    if version and version != str(stored.version):
        stored = _replaced(store, caller, type_, resource_id, version, before=stored)
    if stored.deleted:
        raise outcomes.gone(patients_in(type_, resource_id, stored))
    return stored


def read_current(store: ResourceStore, caller: Caller, type_: ResourceType, resource_id: str) -> StoredResource:
    """Return the current version of a resource, or its deletion; raises as `read_resource`, except for 410."""
    stored = store.read(type_, resource_id)
    if stored is None:
        raise outcomes.not_found()
    if not caller.sees(type_, resource_id, stored.patients):
        raise outcomes.out_of_compartment(stored.patients)
    return stored


def _replaced(
    store: ResourceStore,
    caller: Caller,
    type_: ResourceType,
    resource_id: str,
    version: str,
    *,
    before: StoredResource,
) -> StoredResource:
    """Return a previous version of a resource, which may have been in another compartment."""
    if not _VERSION.fullmatch(version) or int(version) > before.version:
        raise outcomes.not_found(patients_in(type_, resource_id, before))
    kept = store.versions.read(type_, resource_id, int(version))
    if kept is None:
        raise outcomes.not_found(patients_in(type_, resource_id, before))
    if not caller.sees(type_, resource_id, kept.patients):
        raise outcomes.out_of_compartment(kept.patients)
    return kept
