"""Faults by which a token learns of what its scopes do not open: the cases have to catch each."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from careconnect.fhir import outcomes
from careconnect.oauth.caller import Caller
from careconnect_testing.pairs.leaks import Seeded
from fhir_reader import patient_everything, read_history, read_resource
from fhir_reader.opened import SearchLimits
from fhir_reader.search import filter as search_filter
from fhir_reader.search import includes, page
from fhir_reader.search.filter import is_in_compartment
from record_writer import find_target, judge_write, prepare, response, write_resources


def _to_all(owner: Any, name: str, value: Any = True) -> AbstractContextManager[Any]:
    """Have a function say the same of everything."""
    return patch.object(owner, name, lambda *_given, **_named: value)


def _sees_its_compartment(caller: Caller, type_: Any, resource_id: str, stored: Any, _letters: Any) -> bool:
    return caller.sees(type_, resource_id, stored.patients)


def _told_apart() -> AbstractContextManager[Any]:
    """Say of a hidden resource that no scope opens it."""
    hidden = outcomes.out_of_scope

    def told(*given: Any, **named: Any) -> outcomes.OutcomeError:
        error = hidden(*given, **named)
        error.text = "No scope of the token opens it."
        return error

    return patch.object(outcomes, "out_of_scope", told)


ANSWERED: Final[Mapping[str, Seeded]] = {
    "a search finds and counts what is hidden": partial(_to_all, search_filter, "search_limits", SearchLimits()),
    "an include is what is hidden": lambda: patch.object(page, "sees_version", _sees_its_compartment),
    "a hidden resource is a step on the way": lambda: patch.object(
        includes, "is_visible", lambda entry, context, _letters: is_in_compartment(entry, context)
    ),
    "$everything counts what is hidden": partial(_to_all, patient_everything, "opens_entry"),
    "a history has versions that are hidden": partial(_to_all, read_history, "opening_scope", ""),
    "a read shows what is hidden": partial(_to_all, read_resource, "opening_scope", ""),
    "a chain or a condition looks at what is hidden": lambda: patch.object(Caller, "require_unlimited", Caller.require),
    "a write changes what is hidden": partial(_to_all, find_target, "opens_stored"),
    "a write makes what no scope opens": partial(_to_all, prepare, "require_opened", None),
    "a patch shows by its test what is hidden": partial(_to_all, prepare, "require_readable", None),
    "the answer to a write shows what is hidden": partial(_to_all, response, "_may_show"),
}
"""What is told beside the oracle's answer, each with the fault that tells it."""

UNSEEN: Final[Mapping[str, Seeded]] = {
    "a 404 tells why": _told_apart,
    "$validate tells whether what is hidden is there": partial(_to_all, judge_write, "_may_read"),
    "a conflict names the type of what is hidden": partial(_to_all, write_resources, "_may_know"),
}
"""What only two answers tell that differ in what is hidden, each with the fault."""
