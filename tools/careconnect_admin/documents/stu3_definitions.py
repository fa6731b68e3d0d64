"""The table of what FHIR STU3 defines, made from HL7's definitions and written into the module that holds it.

`python -m careconnect_admin.documents.stu3_definitions FOLDER` takes the unpacked npm package `hl7.fhir.r3.examples`.
"""

import json
import re
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from careconnect.fhir.resource_types import SERVED_TYPES
from careconnect_admin.project import PROJECT

MODULE: Final = PROJECT / "layers/common/careconnect/fhir/stu3_parameters.py"

_WIDTH: Final = 120
_HEADING: Final = '_DEFINED: Final = """\\\n'
_END: Final = '"""\n'
_OF_ALL_TYPES: Final = ("Resource", "DomainResource")
# HL7 left `base` out of some that search by an extension; the type stands in their id.
_EXTENSION: Final = re.compile(r"[a-z]+-extensions-([A-Za-z]+)-.+")


def with_definitions(module: str, package: Path) -> str:
    """Return the text of the module with its table made anew from the definitions in the folder `package`.

    Raises:
        ValueError: `module` has lost the table, or `package` holds no definitions, or one that is of nothing.
    """
    before, heading, rest = module.partition(_HEADING)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError("the module has lost its table")
    return before + heading + "".join(f"{line}\n" for line in _lines(package)) + end + after


def write_definitions(package: Path, path: Path = MODULE) -> None:
    """Make the table in the file at `path` anew."""
    path.write_text(with_definitions(path.read_text(encoding="utf-8"), package), encoding="utf-8", newline="\n")


def _lines(package: Path) -> Iterator[str]:
    """Yield, for all types and then for each served one and its operations, a line of names for each type of value."""
    defined = _search_parameters(package)
    if not defined:
        raise ValueError(f"no definitions of search parameters in {package}")
    for name in _OF_ALL_TYPES:
        yield from _wrapped(name, defined[name])
    for served in SERVED_TYPES:
        yield from _wrapped(served.name, defined[served.name])
        for operation in served.operations:
            path = package / f"OperationDefinition-{served.name}-{operation.removeprefix('$')}.json"
            given = [each for each in _read(path)["parameter"] if each["use"] == "in"]
            yield from _wrapped(f"{served.name}/{operation}", {each["name"]: each["type"] for each in given})


def _search_parameters(package: Path) -> defaultdict[str, dict[str, str]]:
    """Return the parameters' types by what they are of and by name; what HL7 shows as an example defines nothing."""
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for path in sorted(package.glob("SearchParameter-*.json")):
        definition = _read(path)
        if not definition["id"].startswith("example"):
            for base in definition.get("base") or _base_of_extension(definition["id"]):
                found[base][definition["code"]] = definition["type"]
    return found


def _base_of_extension(definition_id: str) -> tuple[str]:
    match = _EXTENSION.fullmatch(definition_id)
    if match is None:
        raise ValueError(f"{definition_id} does not say what it is a parameter of")
    return (match[1],)


def _read(path: Path) -> dict[str, Any]:
    resource: dict[str, Any] = json.loads(path.read_text(encoding="utf-8-sig"))
    return resource


def _wrapped(of: str, types: dict[str, str]) -> Iterator[str]:
    for type_ in sorted(set(types.values())):
        head = f"{of} {type_} "
        names = " ".join(sorted(name for name in types if types[name] == type_))
        for line in textwrap.wrap(names, _WIDTH - len(head), break_on_hyphens=False, break_long_words=False):
            yield head + line


if __name__ == "__main__":
    write_definitions(Path(sys.argv[1]))
