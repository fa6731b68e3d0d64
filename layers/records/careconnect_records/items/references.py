"""Find the References of a resource, also those in its contained resources and in extensions."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from careconnect.fhir.resource_types import Table, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.storage.keys import resource_key
from careconnect_records.items.extract import ABSOLUTE_URI, LITERAL_REFERENCE
from careconnect_records.stu3.schema import Element, model_of, shape_beside_primitive, shape_of


@dataclass(frozen=True, slots=True)
class FoundReference:
    """A Reference with a `reference` text: its FHIRPath, and the types that it may refer to (empty: any)."""

    expression: str
    targets: frozenset[str]
    text: str

    def allows(self, type_name: str) -> bool:
        """Return True if it may refer to a resource of this type (STU3 References §2.26.1)."""
        return not self.targets or type_name in self.targets


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """The target of a reference to this server, without the version that the reference may name."""

    type_name: str
    id: str

    @property
    def key(self) -> str:
        """The shortest form of the reference, which is the partition key of the target's items."""
        return resource_key(self.type_name, self.id)


def references_of(resource: dict[str, Any]) -> Iterator[FoundReference]:
    """Yield the literal References of a resource in the order of its elements; values of a wrong type are skipped."""
    name = resource["resourceType"]
    yield from _within(resource, shape_of(model_of(name)), name)


def target_of(text: str, fhir_base: str) -> LocalTarget | None:
    """Return the target of a literal reference to this server (`Type/id`, or the same below `fhir_base`).

    A reference to another server, a contained one and any other form have none.
    """
    literal = LITERAL_REFERENCE.fullmatch(text)
    if literal is None or literal["base"] not in (None, fhir_base):
        return None
    return LocalTarget(literal["type"], literal["id"])


def contained_in(resource: dict[str, Any]) -> dict[str, str]:
    """Return the types of the resources that a resource contains, by id; those that are not valid are left out.

    The resource itself has the empty id: `#` refers to it (STU3 References §2.26.3).
    """
    contained = resource.get("contained")
    names = [
        (each.get("id"), each.get("resourceType"))
        for each in (contained if isinstance(contained, list) else ())
        if isinstance(each, dict)
    ]
    types = {id_: kind for id_, kind in names if isinstance(id_, str) and isinstance(kind, str)}
    return {**types, "": resource["resourceType"]}


def misplaced(reference: FoundReference, contained: Mapping[str, str], fhir_base: str) -> str:
    """Return a predicate for the fault of a reference that needs no look-up, empty if there is none.

    The reference names no contained resource, or a type that its element does not allow.
    """
    if reference.text.startswith("#"):
        kind = contained.get(reference.text[1:], "")
        if not kind:
            return "ref-1: refers to a contained resource that is not there"
    else:
        target = target_of(reference.text, fhir_base)
        if target is None:
            return ""
        kind = target.type_name
    return "" if reference.allows(kind) else f"may only refer to {' or '.join(sorted(reference.targets))}"


def leaves_the_directory(type_name: str, target: LocalTarget) -> bool:
    """Return True if a resource of the directory would refer to one of a record, which its writer cannot look up."""
    of_type, to_type = resource_type(type_name), resource_type(target.type_name)
    return (
        of_type is not None
        and of_type.table is Table.DIRECTORY
        and to_type is not None
        and to_type.table is Table.RECORD
    )


def names_an_entry(text: str) -> bool:
    """Return True if a literal reference is a UUID or an OID, which only a Bundle's full URL gives a resource."""
    return text[:9].lower().startswith(("urn:uuid:", "urn:oid:"))


def is_elsewhere(text: str, fhir_base: str) -> bool:
    """Return True if a literal reference is an absolute URI outside this server."""
    if names_an_entry(text):
        return False
    return ABSOLUTE_URI.fullmatch(text) is not None and not text.lower().startswith(f"{fhir_base}/".lower())


def fhir_base_of(base_url: str) -> str:
    """Return the FHIR base below a root URL. Absolute references to this server begin with it."""
    return f"{base_url.rstrip('/')}{FHIR_PATH}"


def _within(node: Any, shape: dict[str, Element], path: str) -> Iterator[FoundReference]:
    if not isinstance(node, dict):
        return
    for element in shape.values():
        value = node.get(f"_{element.name}" if element.primitive else element.name)
        if value is None:
            continue
        where = f"{path}.{element.name}"
        if element.primitive:
            yield from _beside(value, where)
            continue
        if not element.repeats:
            yield from _of(value, element, where)
            continue
        for position, item in enumerate(value if isinstance(value, list) else ()):
            yield from _of(item, element, f"{where}[{position}]")


def _of(node: Any, element: Element, where: str) -> Iterator[FoundReference]:
    if not isinstance(node, dict):
        return
    if element.type_class.__name__ == "Resource":
        name = node.get("resourceType")
        model = model_of(name) if isinstance(name, str) else None
        if model is not None:
            yield from _within(node, shape_of(model), where)
        return
    text = node.get("reference")
    if element.type_class.__name__ == "Reference" and isinstance(text, str) and text:
        yield FoundReference(where, element.targets, text)
    yield from _within(node, element.shape, where)


def _beside(beside: Any, where: str) -> Iterator[FoundReference]:
    """Yield the References in the extensions of a primitive, or of each repetition."""
    for position, one in enumerate(beside if isinstance(beside, list) else (beside,)):
        if one is not None:
            its = f"{where}[{position}]" if isinstance(beside, list) else where
            yield from _within(one, shape_beside_primitive(), its)
