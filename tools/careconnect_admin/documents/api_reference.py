"""The reference of types, parameters and scopes as Markdown, made from the one table."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from careconnect.resource_types import (
    COMMON_PARAMETERS,
    RESOURCE_TYPES,
    SYNTAX,
    Follow,
    Home,
    ParameterType,
    ResourceType,
    SearchParameter,
)
from careconnect.scopes import Interaction, grants_of
from careconnect_admin.clients.demo import LIMITED_ACCESS, MEDICATION_ACCESS, PATIENT_ACCESS

_CLIENTS: Final = (PATIENT_ACCESS, MEDICATION_ACCESS, LIMITED_ACCESS)
_INTRODUCTION: Final = """\
# Types, parameters and scopes

<!-- Made by `make docs` from layers/common/careconnect/resource_types.py: change that, not this. -->

The FHIR base is `{base}/careconnect-ri/STU3`. For machines: `GET {base}/openapi.json` (a copy is
[openapi.json](openapi.json)) and the base's `metadata`.

| request | answer |
|---|---|
| `GET Type/{id}` | the resource |
| `GET Type/{id}/_history/{version}` | the same, if that is its current version |
| `GET Type?…`, `POST Type/_search` | a searchset Bundle, 20 matches to a page unless `_count` says otherwise |
"""
_RESULT: Final = """
Each GET answers HEAD as well. Result parameters: `_count`, `_sort` (by the date and string parameters), `_summary`,
`_elements`, `_include`, `_revinclude`, `_format`, `_pretty`.
"""


def api_reference() -> str:
    """Return the document's text."""
    introduction = _INTRODUCTION + "\n".join([*_operations(), _RESULT])
    return "\n".join([introduction, *_parameters(), "", *_values(), "", *_scopes(), "", *_access(), ""])


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def _parameters() -> Iterator[str]:
    yield "## Search parameters"
    yield ""
    yield f"Every type also takes {_named(COMMON_PARAMETERS)}."
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
            for served in RESOURCE_TYPES
        ),
    )


def _operations() -> Iterator[str]:
    for served in RESOURCE_TYPES:
        for operation in served.operations:
            whole = f"the {served.name.lower()}'s whole record, as far as the scopes go"
            yield f"| `GET {served.name}/{{id}}/{operation}` | {whole} |"


def _values() -> Iterator[str]:
    yield "## Values, modifiers and prefixes"
    yield ""
    yield "A modifier follows the parameter's name (`name:exact=…`), a prefix stands before the value (`date=ge2017`)."
    yield "A comma between values means or, a parameter that is repeated means and."
    yield ""
    for type_, syntax in SYNTAX.items():
        yield f"- {type_.value}: {syntax.describe(('Type',) if type_ is ParameterType.REFERENCE else ())}"
    yield ""
    chains = dict.fromkeys(parameter.chain for served in RESOURCE_TYPES for parameter in served.followed(Follow.CHAIN))
    words = dict.fromkeys(each.name for served in RESOURCE_TYPES for each in served.parameters if each.word_by_word)
    yield "`:Type` says which type a reference points at. Some take chains, by a parameter of their target:"
    yield f"{_quoted(chains)}."
    yield f"Several words in {_quoted(words)} may each begin another part of it."


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _named(parameters: Sequence[SearchParameter]) -> str:
    return ", ".join(f"`{parameter.name}` ({parameter.type.value})" for parameter in parameters)


def _scopes() -> Iterator[str]:
    yield "## Scopes"
    yield ""
    yield "A scope is `patient/…`, `user/…` or `system/…` and a name below, or `*`, and `.read` (SMART v1) or letters"
    yield "of `cruds` (SMART v2), of which `r` reads and `s` searches. To include what a resource points at takes `r`;"
    yield "`_revinclude` and `$everything` find what points at a patient, which takes `r` and `s` of each type found."
    yield ""
    yield from _table(("type", "opened by"), ((served.name, _opened_by(served)) for served in RESOURCE_TYPES))


def _opened_by(served: ResourceType) -> str:
    names = _quoted(served.scope_names)
    return f"{names}, or the plain scope `profile`" if served.home is Home.DIRECTORY else names


def _access() -> Iterator[str]:
    yield "## The demo clients of local runs"
    yield ""
    grants = [grants_of(" ".join(client.scopes)) for client in _CLIENTS]
    yield from _table(
        ("type", *(client.name for client in _CLIENTS)),
        (
            (served.name, *("200" if each.permits(served.name, Interaction.READ) else "403" for each in grants))
            for served in RESOURCE_TYPES
        ),
    )
    yield ""
    yield "A fourth, `explorer`, reads and searches everything."
