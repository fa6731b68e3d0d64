"""Write versions of a resource as they are stored in a table (ADR 23)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from careconnect.fhir.resource_types import resource_type
from careconnect.storage.keys import version_item
from careconnect_records.writes.plan import plan_version
from careconnect_records.writes.target import Target
from careconnect_testing.parts.stores import Reader

FIRST_CHANGE = 1_714_557_600_250
"""2024-05-01T10:00:00.250Z, in epoch milliseconds."""
HOUR = 3_600_000


@dataclass(frozen=True)
class Version:
    """A version: the `resource`, None for a deletion of one of `patient`, and the interaction that made it."""

    resource: dict[str, Any] | None
    method: str = ""
    status: int = 0
    patient: str = ""
    hours: int | None = None
    """Hours since `FIRST_CHANGE`; None for the number of versions before it."""


def write_versions(reader: Reader, reference: str, versions: Sequence[Version], first: int = 1) -> None:
    """Write the bodies of all versions of a resource, numbered from `first`; the last is the current one."""
    for place, version in enumerate(versions):
        is_current = place == len(versions) - 1
        item = body(reference, version, first + place, place)
        key = item["sk"] if is_current else {"S": version_item(item["sk"]["S"], first + place)}
        name, _, _ = reference.partition("/")
        served = resource_type(name)
        assert served
        reader.client.put_item(TableName=reader.tables.name(served.table), Item={**item, "sk": key})


def body(reference: str, version: Version, number: int, place: int) -> dict[str, Any]:
    """Return the item of a version's body, under the key of a current version."""
    name, _, resource_id = reference.partition("/")
    served = resource_type(name)
    assert served
    updated = FIRST_CHANGE + (place if version.hours is None else version.hours) * HOUR
    made: dict[str, Any] = {"method": {"S": version.method}} if version.method else {}
    made |= {"status": {"S": str(version.status)}} if version.status else {}
    made |= {"patient": {"S": version.patient}} if version.patient else {}
    return {**(plan_version(Target(served, resource_id), version.resource, number, updated).body or {}), **made}
