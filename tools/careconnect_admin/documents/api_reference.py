"""The reference of types, parameters and scopes as Markdown, generated from the table of types."""

from collections.abc import Iterable, Iterator, Sequence
from textwrap import wrap
from typing import Final
from urllib.parse import quote

from careconnect.fhir.interactions import EVERYTHING, KICK_OFF, PATIENT_KICK_OFF, operations_of
from careconnect.fhir.resource_types import (
    COMMON_PARAMETERS,
    RESOURCE_TYPES,
    REVERSE_INCLUDES,
    SERVED_TYPES,
    SYNTAX,
    ParameterType,
    Rank,
    ResourceType,
    SearchParameter,
    Table,
)
from careconnect.fhir.result_parameter_names import HISTORY_PARAMETERS, SEARCH_PARAMETERS
from careconnect.oauth.scopes import Letter, grants_of, limiting_parameters
from careconnect_admin.clients.demo import DemoClient, demo_clients
from careconnect_admin.documents.search_examples import TypeExamples, search_examples
from careconnect_admin.documents.write_reference import REQUESTS, writes, written_by

_INTRODUCTION: Final = """\
# Types, parameters and scopes

<!-- Made by `make docs` from layers/common/careconnect/fhir/resource_types: change that, not this. -->

The FHIR base is `{base}/careconnect-ri/STU3`. Its `metadata` and `{base}/openapi.json` ([copy](openapi.json); 60 KB
gzipped) are for machines. Generate a client from the latter, by openapi-typescript or by openapi-python-client with
[its settings](samples/openapi-python-client.yaml). A primitive's extension (`_birthDate`) is an additional property.

| request | answer |
|---|---|
| `GET Type/{id}` | the resource |
| `GET Type/{id}/_history`, `GET Type/{id}/_history/{version}` | its versions, newest first; one of them |
| `GET Type?…`, `POST Type/_search` | a searchset Bundle |
"""
_HEAD: Final = """
HEAD works wherever GET does. A body ends without a newline, which every program would be sent for a terminal's sake:
`curl -w '\\n'` writes one. [clients.md](clients.md) has tokens and pages step by step.
"""

_FOLLOWED: Final = ("_include", "_revinclude", "_include:recurse", "_revinclude:recurse")


def api_reference() -> str:
    """Return the document's text."""
    introduction = _INTRODUCTION + "\n".join([*_compartments(), *_operations(), REQUESTS, *_exports(), _HEAD])
    sections = (_parameters(), _values(), _results(), _examples(), writes(), _scopes(), _access())
    return "\n".join([introduction, *(line for section in sections for line in (*section, ""))])


def _paragraph(text: str) -> list[str]:
    return wrap(text, 120, break_long_words=False, break_on_hyphens=False)


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def _examples() -> Iterator[str]:
    yield "## Examples"
    yield ""
    yield "Each finds something in the sample that `make run` serves. Send what names a person as a form, by"
    yield "`POST Type/_search`: URLs are logged."
    yield ""
    yield from _table(
        ("type", "a read", "a search"),
        (
            (
                each.type.name,
                f"`{each.type.name}/{each.resource_id}`",
                _search(each),
            )
            for each in search_examples()
        ),
    )


def _search(examples: TypeExamples) -> str:
    """Return a typical search: by the patient or else by the first parameter, and by the date."""
    served = examples.type
    own = [parameter for parameter in served.searchable if parameter.rank is not Rank.IDENTIFIER]
    first = served.patient_parameter or own[0]
    names = dict.fromkeys(name for name in (first.name, served.order_by) if name)
    pairs = "&".join(f"{name}={quote(examples.together[name], safe='/:')}" for name in names)
    if served.has_patients and first.personal:
        # URLs are logged.
        return f"`POST {served.name}/_search` with `{pairs}`"
    return f"`{served.name}?{pairs}`"


def _parameters() -> Iterator[str]:
    yield "## Search parameters"
    yield ""
    others = [served for served in SERVED_TYPES if served.common != COMMON_PARAMETERS]
    yield from _paragraph(
        f"Every type but {', '.join(served.name for served in others)} also takes {_named(COMMON_PARAMETERS)}. "
        + " ".join(f"{served.name} takes {_named(served.common)}, and has no history." for served in others)
        + " `Type:*` includes by all references of that type."
    )
    yield ""
    yield from _table(
        ("type", "parameters", "`_include`", "`_revinclude`"),
        (
            (
                served.name,
                _named(served.searchable),
                _quoted(served.includes),
                _quoted(served.reverse_includes),
            )
            for served in SERVED_TYPES
        ),
    )


def _compartments() -> Iterator[str]:
    for owner in RESOURCE_TYPES:
        if owner.members:
            below = f"{owner.name}/{{id}}/Type"
            what = f"the same, of the {owner.name.lower()}'s record alone: {_quoted(owner.members)}"
            yield f"| `GET {below}?…`, `POST {below}/_search` | {what} |"


def _operations() -> Iterator[str]:
    for served in RESOURCE_TYPES:
        if EVERYTHING in operations_of(served):
            whole = f"the {served.name.lower()}'s whole record, as far as the scopes go"
            path = f"{served.name}/{{id}}/{EVERYTHING.operation}"
            yield f"| `GET {path}`, `POST {path}` | {whole} |"


def _exports() -> Iterator[str]:
    whole, patients = KICK_OFF.operation, f"Patient/{PATIENT_KICK_OFF.operation}"
    asked = ", ".join(f"`{method} {path}`" for path in (whole, patients) for method in KICK_OFF.methods)
    yield f"| {asked} | a [bulk export](contract/export.md) of all types, or of patients' records |"
    job = f"{whole}/{{job}}"
    yield f"| `GET {job}`, `DELETE {job}`, `GET {job}/{{file}}` | how far it is, then its files; its end; a file |"


def _values() -> Iterator[str]:
    yield "## Values and modifiers"
    yield ""
    yield from _paragraph(
        "[search.md](contract/search.md) explains them. A modifier follows the parameter's name "
        "(`name:exact=…`), a prefix precedes the value (`date=ge2017`). A comma means or, a repeated parameter means "
        "and."
    )
    yield ""
    for type_, syntax in SYNTAX.items():
        yield f"- {type_.value}: {syntax.describe(('Type',) if type_ is ParameterType.REFERENCE else ())}"
    yield ""
    yield from _paragraph(
        "Every reference takes chains, by any parameter of a served type that it may refer to (`patient.identifier`). "
        f"`_has:Type:reference:parameter` asks the other way, such as {_has_example()}. Either follows two references "
        "at most."
    )


def _has_example() -> str:
    served = next(each for each in RESOURCE_TYPES if each.is_patient)
    source, reference = REVERSE_INCLUDES[served.name][0]
    return f"`{served.name}?_has:{source}:{reference}:_lastUpdated=…`"


def _results() -> Iterator[str]:
    yield "## How an answer looks"
    yield ""
    yield from _paragraph(
        f"A search takes {_quoted((*SEARCH_PARAMETERS, *_FOLLOWED))}, and a history {_quoted(HISTORY_PARAMETERS)} "
        "([values](contract/search.md#result-parameters)). `Prefer: handling=strict` refuses and `handling=lenient` "
        "ignores [unknown parameters](contract/search.md#unknown-parameters). A search shows a write within a second, "
        "or at once with `Cache-Control: no-cache`."
    )


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _named(parameters: Sequence[SearchParameter]) -> str:
    return ", ".join(f"`{parameter.name}` ({parameter.type.value})" for parameter in parameters)


def _scopes() -> Iterator[str]:
    yield "## Scopes"
    yield ""
    directory = [served.name for served in SERVED_TYPES if served.table is Table.DIRECTORY]
    others = [served.name for served in SERVED_TYPES if served.name not in directory and not served.by_name_only]
    yield from _paragraph(
        "A scope that names a type, or `*`, opens it ([grammar](contract/access.md#scope-grammar)): "
        f"{_quoted((*others, *directory))}. The plain scope `profile` opens the last {len(directory)} for reading. "
        "Besides:"
    )
    yield ""
    yield from _table(
        ("type", "for reading by", "for writing by"),
        (
            (served.name, reading, _quoted(_others(served, written_by(served))))
            for served in SERVED_TYPES
            if (reading := _opened_by(served))
        ),
    )
    yield ""
    limited = [(served.name, limiting_parameters(served)) for served in SERVED_TYPES]
    common = [each.name for each in COMMON_PARAMETERS if any(each.name in names for _, names in limited)]
    yield from _paragraph(
        "A scope with letters may have a [suffix](contract/access.md#granular-scopes) by these parameters, and by "
        f"{_quoted(common)}:"
    )
    yield ""
    yield from _table(
        ("type", "parameters"),
        ((name, _quoted(each for each in names if each not in common)) for name, names in limited if names),
    )


def _opened_by(served: ResourceType) -> str:
    """Return in Markdown the further scopes that open a type for reading."""
    if served.by_name_only:
        return f"`{served.name}` only; at the level `patient` for a client that is bound to a patient"
    return _quoted(_others(served, served.scope_names))


def _others(served: ResourceType, names: Iterable[str]) -> list[str]:
    return [name for name in names if name != served.name]


def _access() -> Iterator[str]:
    yield "## The demo clients of local runs"
    yield ""
    yield from _table(("client", "reads and searches", "writes"), (_opens(client) for client in demo_clients()))


def _opens(client: DemoClient) -> tuple[str, str, str]:
    grants = grants_of(" ".join(client.scopes))
    read, written = (
        [served.name for served in SERVED_TYPES if grants.permits(served.name, interaction)]
        for interaction in (Letter.READ, Letter.CREATE)
    )
    found = [each.name for each in SERVED_TYPES if grants.permits(each.name, Letter.SEARCH) and each.name not in read]
    searched = f"; searches {', '.join(found)}" if found else ""
    return client.name.partition(":")[0], _all_but(read) + searched, _all_but(written)


def _all_but(types: Sequence[str]) -> str:
    """Name the types, or those that are missing if they are fewer."""
    missing = [served.name for served in SERVED_TYPES if served.name not in types]
    return f"all but {', '.join(missing)}" if len(missing) < len(types) else ", ".join(types)
