"""The layers' data files of STU3's definitions and invariants of the served types, generated from HL7's own.

`python -m careconnect_admin.documents.stu3_definitions FOLDER` reads the unpacked npm package `hl7.fhir.r3.examples`.
"""

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from careconnect.fhir.interactions import Agent, operations_of
from careconnect.fhir.resource_types import RESOURCE_TYPES, SERVED_TYPES
from careconnect.fhir.resource_types.stu3 import PATH
from careconnect_records.stu3.invariants import PATH as PATH_OF_INVARIANTS

_OF_ALL_TYPES: Final = ("Resource", "DomainResource")
# HL7 left `base` out of the parameters that search an extension; their id holds the type.
_EXTENSION: Final = re.compile(r"[a-z]+-extensions-([A-Za-z]+)-.+")
_STEP: Final = re.compile(r"f:(\w+)")
_PROFILE: Final = "http://hl7.org/fhir/StructureDefinition/"
# HL7's definitions repeat the invariants of these for each type that is one of them.
_BASES: Final = ("Element", "DomainResource")


def definitions(package: Path) -> str:
    """Return the text of the data file, made from the definitions in the folder `package`.

    Raises:
        ValueError: `package` holds no search parameters, or one without a type.
    """
    data = {"resource_names": _resource_names(package), "definitions": dict(_definitions(package))}
    return f"{_json(data)}\n"


def invariants(package: Path) -> str:
    """Return the text of the data file of invariants: by key the text, the FHIRPath expression and the places.

    They are those of level error of the types that can be written and of the data types in them. A place is a type, or
    an element by its path as JSON names it (`Organization.address`).
    """
    found: dict[str, dict[str, Any]] = {}
    for place, constraint in _constraints(package):
        if constraint["severity"] == "error":
            new = {"text": constraint["human"], "expression": constraint["expression"], "places": []}
            places = found.setdefault(constraint["key"], new)["places"]
            places += [] if place in places else [place]
    return f"{_json(dict(sorted(found.items())))}\n"


def write_definitions(package: Path, path: Path, path_of_invariants: Path) -> None:
    """Write the data files."""
    path.write_text(definitions(package), encoding="utf-8", newline="\n")
    path_of_invariants.write_text(invariants(package), encoding="utf-8", newline="\n")


def _resource_names(package: Path) -> list[str]:
    """Return the names of all types of resources that STU3 has, sorted."""
    structures = (_read(path) for path in package.glob("StructureDefinition-*.json"))
    return sorted(
        each["name"]
        for each in structures
        if each["kind"] == "resource" and each.get("derivation") == "specialization" and not each["abstract"]
    )


def _definitions(package: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the definition of all types, of each served type and of its operations, by name."""
    parameters = _search_parameters(package)
    if not parameters:
        raise ValueError(f"no definitions of search parameters in {package}")
    for name in _OF_ALL_TYPES:
        yield name, {"parameters": _described(name, parameters[name], {})}
    for served in SERVED_TYPES:
        elements = _elements(package, served.name)
        yield (
            served.name,
            {
                "summary": _top_level(elements, "isSummary"),
                "mandatory": _top_level(elements, "min"),
                "parameters": _described(served.name, parameters[served.name], elements),
            },
        )
        for row in operations_of(served):
            if row.agent is not Agent.READER:
                continue
            path = package / f"OperationDefinition-{served.name}-{row.operation.removeprefix('$')}.json"
            given = [each for each in _read(path)["parameter"] if each["use"] == "in"]
            yield (
                f"{served.name}/{row.operation}",
                {"parameters": {one["name"]: {"type": one["type"]} for one in given}},
            )


def _search_parameters(package: Path) -> defaultdict[str, dict[str, dict[str, Any]]]:
    """Return the definitions of parameters by type and name, without those that HL7 gives as examples."""
    found: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for path in sorted(package.glob("SearchParameter-*.json")):
        definition = _read(path)
        if not definition["id"].startswith("example"):
            for base in definition.get("base") or _base_of_extension(definition["id"]):
                found[base][definition["code"]] = definition
    return found


def _base_of_extension(definition_id: str) -> tuple[str]:
    match = _EXTENSION.fullmatch(definition_id)
    if match is None:
        raise ValueError(f"{definition_id} does not say which type it is a parameter of")
    return (match[1],)


def _elements(package: Path, type_name: str) -> dict[str, dict[str, Any]]:
    """Return a type's elements by their path as JSON names it: one path for each type of a choice (`value[x]`)."""
    _, *elements = _read(package / f"StructureDefinition-{type_name}.json")["snapshot"]["element"]
    return {
        _path(each["path"].removeprefix(f"{type_name}."), type_): each
        for each in elements
        for type_ in each.get("type", ({"code": ""},))
    }


def _path(path: str, type_: Mapping[str, Any]) -> str:
    code = type_["code"]
    return path.replace("[x]", f"{code[:1].upper()}{code[1:]}")


def _constraints(package: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the constraints of the types that can be written, and of all types of their elements, with their places."""
    waiting = [each.name for each in RESOURCE_TYPES]
    for name in waiting:
        path = package / f"StructureDefinition-{name}.json"
        # The types of a primitive's value have no names, and no definitions.
        for element in _read(path)["snapshot"]["element"] if path.is_file() else ():
            for constraint in element.get("constraint", ()):
                source = constraint.get("source")
                yield source if source in _BASES else element["path"], constraint
            for type_ in element.get("type", ()):
                waiting += [] if type_.get("code") in (None, *waiting) else [type_["code"]]
                if profile := type_.get("profile", "").removeprefix(_PROFILE):
                    for constraint in _own_constraints(package, profile):
                        yield _path(element["path"], type_), constraint


def _own_constraints(package: Path, profile: str) -> list[dict[str, Any]]:
    """Return the constraints that a profile of a data type (SimpleQuantity) adds to its type."""
    (root, *_) = _read(package / f"StructureDefinition-{profile}.json")["snapshot"]["element"]
    return [each for each in root.get("constraint", ()) if "source" not in each]


def _top_level(elements: Mapping[str, dict[str, Any]], key: str) -> list[str]:
    """Return the names of the top-level elements that have a value other than false or 0 at `key`."""
    return [path for path, each in elements.items() if "." not in path and each.get(key)]


def _described(
    of: str, parameters: Mapping[str, dict[str, Any]], elements: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Return by name, sorted, the parameters of a type: their type, paths and targets."""
    found = {}
    for name, definition in sorted(parameters.items()):
        paths = [*_paths(of, definition.get("xpath", ""))]
        targets = _targets(definition, [elements[path] for path in paths if path in elements])
        members = {"type": definition["type"], "paths": paths, "targets": targets}
        found[name] = {key: value for key, value in members.items() if value}
    return found


def _paths(of: str, xpath: str) -> Iterator[str]:
    """Yield the paths below a type that an XPath selects, without those that hold more than the names of elements."""
    for alternative in xpath.split("|"):
        first, *steps = (_STEP.fullmatch(step) for step in alternative.strip().split("/"))
        names = [step[1] for step in steps if step]
        if first and first[1] == of and names and len(names) == len(steps):
            yield ".".join(names)


def _targets(definition: Mapping[str, Any], elements: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the targets of a reference in the order of its elements' definitions; none if it may point at any type.

    HL7 orders a search parameter's own list otherwise, and differently in each.
    """
    types = [each for element in elements for each in element.get("type", ())]
    pointed = dict.fromkeys(each.get("targetProfile", "").removeprefix(_PROFILE) for each in types)
    return [] if "Resource" in pointed else [each for each in pointed if each in definition.get("target", ())]


def _read(path: Path) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
    return resource


def _json(value: Any, indent: str = "") -> str:
    """Return a value as JSON with a line for each definition, and for each of its members."""
    if not (isinstance(value, dict) and any(isinstance(each, dict) for each in value.values())):
        return json.dumps(value)
    members = ",\n".join(f"{indent} {json.dumps(name)}: {_json(each, indent + ' ')}" for name, each in value.items())
    return f"{{\n{members}\n{indent}}}"


if __name__ == "__main__":
    write_definitions(Path(sys.argv[1]), PATH, PATH_OF_INVARIANTS)
