"""The reference of types, parameters and scopes as Markdown, generated from the table of types."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final
from urllib.parse import quote

from careconnect.fhir.resource_types import (
    COMMON_PARAMETERS,
    RESOURCE_TYPES,
    REVERSE_INCLUDES,
    SERVED_TYPES,
    SYNTAX,
    Home,
    Modifier,
    ParameterType,
    Rank,
    ResourceType,
    SearchParameter,
)
from careconnect.fhir.result_parameter_names import (
    BOOLEANS,
    DEFAULT_COUNT,
    MOST_COUNT,
    MOST_SORT_KEYS,
    RECORD_PARAMETERS,
    SEARCH_PARAMETERS,
    SUMMARIES,
    TOTALS,
)
from careconnect.oauth.scopes import Interaction, grants_of
from careconnect_admin.clients.demo import LIMITED_ACCESS, MEDICATION_ACCESS, PATIENT_ACCESS
from careconnect_admin.documents.search_examples import TypeExamples, search_examples
from careconnect_admin.documents.write_reference import REQUESTS, writes, written_by

_CLIENTS: Final = (PATIENT_ACCESS, MEDICATION_ACCESS, LIMITED_ACCESS)
_INTRODUCTION: Final = """\
# Types, parameters and scopes

<!-- Made by `make docs` from layers/common/careconnect/fhir/resource_types: change that, not this. -->

The FHIR base is `{base}/careconnect-ri/STU3`. For machines: `GET {base}/openapi.json` (a copy is
[openapi.json](openapi.json)) and the base's `metadata`.

| request | answer |
|---|---|
| `GET Type/{id}` | the resource |
| `GET Type/{id}/_history`, `GET Type/{id}/_history/{version}` | its versions, newest first; one of them |
| `GET Type?…`, `POST Type/_search` | a searchset Bundle |
"""
_HEAD: Final = """
Each GET answers HEAD as well. How to get a token, and how to follow the pages of a search: [clients.md](clients.md).
"""

# The meaning of each name that the code knows. A name without a line here fails the generation with a KeyError.
_MODIFIERS: Final = {
    Modifier.EXACT: "the whole text, letter by letter",
    Modifier.CONTAINS: "the text anywhere",
    Modifier.NOT: "resources that have none of the values",
    Modifier.MISSING: "`true`: resources without a value; `false`: those with one",
}
_PREFIXES: Final = {
    "eq": "lies within the date; the same as no prefix",
    "ne": "does not lie within it",
    "gt": "reaches beyond its end",
    "lt": "begins before its start",
    "ge": "reaches beyond its end, or lies within it",
    "le": "begins before its start, or lies within it",
    "sa": "begins after its end",
    "eb": "ends before its start",
    "ap": "overlaps it, widened on both sides by a tenth of its distance from now",
}
_RESULTS: Final = {
    "_count": f"Matches on a page: a whole number, {DEFAULT_COUNT} if it is not given. 0 asks for the total alone; "
    f"above {MOST_COUNT} counts as {MOST_COUNT}",
    "_sort": f"Date and string parameters, `_id`, `_lastUpdated`: up to {MOST_SORT_KEYS} with commas, `-` for "
    "descending",
    "_total": ", ".join(f"`{each}`" for each in TOTALS)
    + "; if it is not given, the total is told where it is found on "
    "the way (R4's parameter)",
    "_format": "`json`, `xml` or a media type; it beats the Accept header",
    "_pretty": " or ".join(f"`{each}`" for each in BOOLEANS),
    "_summary": ", ".join(f"`{each}`" for each in SUMMARIES),
    "_elements": "Names of top-level elements, with commas",
}
_FOLLOWED: Final = {
    "_include": "What a match points at: `Type:parameter`, `Type:parameter:Target` or `*` for all",
    "_revinclude": "What points at a match: the same, of the type that points",
    "_include:recurse": "The same from what was included, of any type, on and on; `:iterate` is the same",
}


def api_reference() -> str:
    """Return the document's text."""
    introduction = _INTRODUCTION + "\n".join([*_compartments(), *_operations(), REQUESTS, _HEAD])
    sections = (_parameters(), _values(), _results(), _examples(), writes(), _scopes(), _access())
    return "\n".join([introduction, *(line for section in sections for line in (*section, ""))])


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield "|---" * len(head) + "|"
    for cells in rows:
        yield f"| {' | '.join(cells)} |"


def _examples() -> Iterator[str]:
    yield "## Examples"
    yield ""
    yield "Each finds something in the project's sample, which `make run` serves."
    yield ""
    yield from _table(
        ("type", "a read", "a search"),
        (
            (
                each.type.name,
                f"`{each.type.name}/{each.resource_id}`",
                f"`{each.type.name}?{_query(each)}`",
            )
            for each in search_examples()
        ),
    )


def _query(examples: TypeExamples) -> str:
    """Return a typical search: by the patient or else by the first parameter, and by the date."""
    served = examples.type
    own = [parameter for parameter in served.searchable if parameter.rank is not Rank.IDENTIFIER]
    names = dict.fromkeys(name for name in ((served.patient_parameter or own[0]).name, served.order_by) if name)
    return "&".join(f"{name}={quote(examples.together[name], safe='/:')}" for name in names)


def _parameters() -> Iterator[str]:
    yield "## Search parameters"
    yield ""
    others = [served for served in SERVED_TYPES if served.common != COMMON_PARAMETERS]
    yield f"Every type but {', '.join(served.name for served in others)} also takes {_named(COMMON_PARAMETERS)}."
    yield from (f"{served.name} takes {_named(served.common)}, and has no history." for served in others)
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
    yield from _table(("modifier", "finds"), ((f"`:{each}`", _MODIFIERS[each]) for each in Modifier))
    yield "| `:Type` | what points at a resource of this type: `patient:Patient=4` |"
    yield ""
    yield from _table(
        ("prefix", "finds a resource whose date or period"),
        ((f"`{each}`", _PREFIXES[each]) for each in SYNTAX[ParameterType.DATE].prefixes),
    )
    yield ""
    yield "Of a quantity, `eq` and `ne` take a number for what rounds to it (5.4 is from 5.35 to below 5.45), `ap` for"
    yield "a tenth of it on both sides; the others take it exactly, `sa` as `gt` and `eb` as `lt`."
    yield ""
    chains = dict.fromkeys(parameter.chain for served in RESOURCE_TYPES for parameter in served.chained)
    words = dict.fromkeys(each.name for served in RESOURCE_TYPES for each in served.parameters if each.word_by_word)
    yield f"References take chains, by a parameter of their target: {_quoted(chains)}."
    yield "The other way, `_has:Type:reference:parameter` asks what something that points here has, such as"
    yield f"{_has_example()}. Either goes through two references at most."
    yield f"Several words in {_quoted(words)} may each begin another part of it."


def _has_example() -> str:
    served = next(each for each in RESOURCE_TYPES if each.is_patient)
    source, reference = REVERSE_INCLUDES[served.name][0]
    return f"`{served.name}?_has:{source}:{reference}:_lastUpdated=…`"


def _results() -> Iterator[str]:
    yield "## How an answer looks"
    yield ""
    shown = {name: _RESULTS[name] for name in SEARCH_PARAMETERS} | _FOLLOWED
    yield from _table(("parameter", "takes"), ((f"`{name}`", text) for name, text in shown.items()))
    yield ""
    yield "A parameter that STU3 defines and the type does not offer is 400. A name that STU3 does not know is left out"
    yield "of the search, and the Bundle says so in an entry of mode `outcome`. The header `Prefer: handling=strict`"
    yield "makes both 400, `handling=lenient` has both left out. A malformed value, and a modifier, chain or include"
    yield "that is not offered, are 400 anyway."
    yield ""
    yield "A history takes `_since` (an instant: versions of then and later) and, of these,"
    yield f"{_quoted(RECORD_PARAMETERS)}. A search shows a write within a second, or, with the header"
    yield "`Cache-Control: no-cache`, at once, as every read does."


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _named(parameters: Sequence[SearchParameter]) -> str:
    return ", ".join(f"`{parameter.name}` ({parameter.type.value})" for parameter in parameters)


def _scopes() -> Iterator[str]:
    yield "## Scopes"
    yield ""
    yield "A scope is `patient/…`, `user/…` or `system/…` and a name below, or `*`, and `.read` (SMART v1) or letters"
    yield "of `cruds` (SMART v2): `r` reads, versions and history too, `s` searches, `c` is for POST, `u` for PUT and"
    yield "PATCH, `d` for DELETE; `.write` is `cud`. Neither side includes the other: a condition takes `s` besides,"
    yield "PATCH `r`, and without `r` an answer to a write has no body. A search of a patient's record takes `s` of the"
    yield "type searched and nothing of the patient's own. To include what a resource points at takes `r`;"
    yield "`_revinclude` and `$everything` find what points at a patient, which takes `r` and `s` of each type found."
    yield ""
    yield from _table(
        ("type", "opened for reading by", "for writing by"),
        ((served.name, _opened_by(served), written_by(served)) for served in SERVED_TYPES),
    )


def _opened_by(served: ResourceType) -> str:
    names = _quoted(served.scope_names)
    if served.by_name_only:
        return f"{names}, and no `*`; at the level `patient` for a client that is bound to a patient"
    return f"{names}, or the plain scope `profile`" if served.home is Home.DIRECTORY else names


def _access() -> Iterator[str]:
    yield "## The demo clients of local runs"
    yield ""
    grants = [grants_of(" ".join(client.scopes)) for client in _CLIENTS]
    yield from _table(
        ("type", *(client.name for client in _CLIENTS)),
        (
            (served.name, *("200" if each.permits(served.name, Interaction.READ) else "403" for each in grants))
            for served in SERVED_TYPES
        ),
    )
    yield ""
    yield "A fourth, `explorer`, reads and searches all of these but AuditEvent; a fifth, `editor`, writes them too. A"
    yield "sixth, `auditor`, reads and searches AuditEvent, the access record, and nothing else."
