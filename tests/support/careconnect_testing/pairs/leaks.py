"""Faults that break Promise 9, or let a caller learn of what it may not see: the pairs have to catch each."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, Final
from unittest.mock import patch

from audit_archiver import jobs
from audit_archiver.archive_records import archive_records
from careconnect.audit.disclosures import Disclosures
from careconnect.audit.recorder import EventRecorder
from careconnect.fhir import outcomes
from careconnect.fhir.resource_types import ID_PARAMETER, ParameterType, ResourceType
from careconnect.oauth.caller import Caller
from careconnect.search.criteria import Criterion
from careconnect.search.persons import names_persons
from careconnect_admin.audit_trail import archive_lines, archived_events
from fhir_reader import app, read_history
from fhir_reader.search import filter as search_filter
from fhir_reader.search import page, parse, scan, search_resources
from fhir_reader.search.chains.criteria import Has
from fhir_reader.search.chains.led_through import led_through
from record_writer import write_resources
from record_writer.find_references import find_references
from record_writer.prepare import Preparation

Seeded = Callable[[], AbstractContextManager[Any]]
_SUPPORT: Final = "careconnect_testing."


def lost_in(module: str) -> AbstractContextManager[Any]:
    """Lose whom a module discloses."""
    disclose = Disclosures.disclose

    def lost(self: Disclosures, patients: Iterable[str]) -> None:
        frame = sys._getframe(1)
        while frame.f_globals["__name__"].startswith(_SUPPORT) and frame.f_back:
            frame = frame.f_back
        disclose(self, () if frame.f_globals["__name__"] == module else patients)

    return patch.object(Disclosures, "disclose", lost)


def _not_naming(is_forgotten: Callable[[Criterion], bool]) -> Seeded:
    """Take some criteria for such as name nobody."""

    def forgotten(type_: ResourceType, criterion: Criterion) -> bool:
        return not is_forgotten(criterion) and names_persons(type_, criterion)

    return lambda: patch.object(parse, "names_persons", forgotten)


def _is_instant(criterion: Criterion) -> bool:
    return criterion.parameter.type is ParameterType.DATE and not criterion.parameter.personal


def _is_of_records(criterion: Criterion) -> bool:
    """Return True for references that lead to a resource of a patient, and not to the patient."""
    is_reference = criterion.parameter.type is ParameterType.REFERENCE
    return is_reference and not any(str(value).startswith("Patient/") for value in criterion.values)


def _is_name_of_many(criterion: Criterion) -> bool:
    return criterion.parameter.type is ParameterType.STRING and len(criterion.values) > 3


def _as_any_total() -> AbstractContextManager[Any]:
    """Record of a total that names persons what is recorded of any."""
    return patch.object(search_resources, "CountedPersons", lambda *_: scan.CountedFew())


def _without_the_last() -> AbstractContextManager[Any]:
    """Lose the patient who makes the total of persons one that is not told."""

    def fewer(self: scan.CountedPersons) -> Collection[str]:
        return [*self._patients][: -1 if self.is_full else None]

    return patch.object(scan.CountedPersons, "to_disclose", property(fewer))


def _unasked_totals() -> AbstractContextManager[Any]:
    """Tell a total that nobody asks for, whatever the criteria name."""
    make = search_resources._PageScan.__init__

    def counting(self: Any, *given: Any, **named: Any) -> None:
        make(self, *given, **named)
        self.counts = self.counts or self._may_tell_total

    return patch.object(search_resources._PageScan, "__init__", counting)


def _without_next() -> AbstractContextManager[Any]:
    """Forget whose resource the next match is."""
    fill_page = page.fill_page
    return patch.object(
        search_resources, "fill_page", lambda *given, **named: fill_page(*given, **(named | {"following": None}))
    )


def _through_nobody(of: type | tuple[type, ...] = object) -> Callable[[], AbstractContextManager[Any]]:
    """Forget through whose resources conditions of a kind led to a match."""

    def other(conditions: Iterable[Any], *given: Any, **named: Any) -> Iterator[str]:
        return led_through([each for each in conditions if not isinstance(each, of)], *given, **named)

    return lambda: _patched((page, "led_through", other), (search_resources, "led_through", other))


def _old_totals() -> AbstractContextManager[Any]:
    """Record by the matches of a page alone: neither who has an identifier, nor who is counted."""
    return _patched(
        (search_filter, "_look_up", lambda _context: None),
        (search_resources, "CountedPersons", lambda *_: scan.CountedFew()),
        (scan.CountedFew, "to_disclose", property(lambda _self: ())),
    )


@contextmanager
def _unrecorded_condition() -> Iterator[None]:
    """Lose whom a conditional reference of a transaction that is met leads to."""
    match, prepare_all = Preparation._match, Preparation.prepare_all
    met: set[str] = set()

    def prepared(self: Preparation, *given: Any) -> Any:
        met.clear()
        return prepare_all(self, *given)

    def matched(self: Preparation, reference: Any) -> str:
        recorded, self._met = self._met, Disclosures()
        try:
            key = match(self, reference)
        finally:
            self._met = recorded
        met.add(key)
        return key

    def found(*given: Any, **named: Any) -> Mapping[str, Any]:
        return {key: () if key in met else patients for key, patients in find_references(*given, **named).items()}

    with _patched(
        (Preparation, "prepare_all", prepared),
        (Preparation, "_match", matched),
        (write_resources, "find_references", found),
    ):
        yield


def _unmodified() -> AbstractContextManager[Any]:
    """Lose whose resource a 304 is about."""
    read = app._read

    def unrecorded(requested: Any, *given: Any, **named: Any) -> Any:
        without = replace(requested, context=replace(requested.context, recorder=EventRecorder()))
        try:
            answer = read(without, *given, **named)
        except outcomes.OutcomeError:
            answer = None
        return answer if answer and answer.status == 304 else read(requested, *given, **named)

    return patch.object(app, "_read", unrecorded)


def _number_of_versions() -> AbstractContextManager[Any]:
    """Lose whose history it is that a number is told of."""
    read = read_history.read_history

    def unrecorded(type_: Any, id_: str, query: Any, context: Any) -> Any:
        is_number = context.result.only_total
        return read(type_, id_, query, replace(context, found=Disclosures()) if is_number else context)

    return patch.object(app, "read_history", unrecorded)


def _patched(*several: tuple[Any, str, Any]) -> ExitStack:
    stack = ExitStack()
    for owner, name, value in several:
        stack.enter_context(patch.object(owner, name, value))
    return stack


UNRECORDED: Final[Mapping[str, Seeded]] = {
    **{
        name: partial(lost_in, module)
        for name, module in {
            "a resource that is read, also by 304, 404 and 410": "fhir_reader.app",
            "a history": "fhir_reader.read_history",
            "the matches on a page, and what they include": "fhir_reader.search.page",
            "a total that is asked for": "fhir_reader.search.search_resources",
            "whom the references of a judged body lead to": "record_writer.judge_references",
            "the stored resource of a write, and its references": "record_writer.prepare",
            "whom the references of a body lead to": "record_writer.write_resources",
        }.items()
    },
    "a total over 20 of persons": _as_any_total,
    "the hundredth of a total of persons": _without_the_last,
    "a total up to 20": lambda: patch.object(scan, "MAX_COUNTED_PATIENTS", 19),
    "a total that nobody asks for": _unasked_totals,
    "a reference into a record names nobody": _not_naming(_is_of_records),
    "an id names nobody": _not_naming(lambda each: each.parameter is ID_PARAMETER),
    "an instant names nobody": _not_naming(_is_instant),
    "a name among others names nobody": _not_naming(_is_name_of_many),
    "through whose resources a chain leads": _through_nobody(),
    "through whose resources a _has leads": _through_nobody(Has),
    "the next match": _without_next,
    "an event that its quota refuses": lambda: patch.object(EventRecorder, "_found_among", lambda *_: []),
    "who has an identifier, and who is counted": _old_totals,
    "a conditional reference that is met": _unrecorded_condition,
    "who is hidden": lambda: patch.object(Disclosures, "hide", lambda *_given, **_named: None),
    "a 304": _unmodified,
    "the number of a history": _number_of_versions,
}
"""What is not recorded any more, each with the fault that loses it."""


def _hidden_matches(*, in_totals: bool) -> AbstractContextManager[Any]:
    """Search what the caller may not see, too, and leave it out of the page, but not of the number or the link."""
    total = search_resources._total
    return _patched(
        (search_resources, "compartment_criterion", lambda *_: iter(())),
        (search_filter, "compartment_criterion", lambda *_: iter(())),
        (search_resources, "_total", total if in_totals else lambda *_: None),
    )


def _told_apart() -> AbstractContextManager[Any]:
    """Say of a hidden resource that it is not the caller's."""
    hidden = outcomes.out_of_compartment

    def told(*given: Any, **named: Any) -> outcomes.OutcomeError:
        error = hidden(*given, **named)
        error.text = "It is another patient's."
        return error

    return patch.object(outcomes, "out_of_compartment", told)


INTERFERING: Final[Mapping[str, Seeded]] = {
    "other patients' resources": lambda: patch.object(Caller, "sees", lambda *_: True),
    "a total of what is hidden": partial(_hidden_matches, in_totals=True),
    "a link to what is hidden": partial(_hidden_matches, in_totals=False),
    "an error text": _told_apart,
}
"""What a caller learns of that it may not see, each with the fault that tells it."""


def _without_first_of_a_batch() -> AbstractContextManager[Any]:
    """Lose the first record of each batch."""
    return patch.object(jobs, "archive_records", lambda archive, records: archive_records(archive, [*records][1:]))


def _once_a_millisecond() -> AbstractContextManager[Any]:
    """Take the events of one time for one."""
    inserted = archived_events._inserted

    def of_a_time(line: bytes) -> Any:
        record = inserted(line)
        return record and replace(record, sort_key=f"{record.sort_key[:12]}-{0:032x}")

    return patch.object(archived_events, "_inserted", of_a_time)


UNARCHIVED: Final[Mapping[str, Seeded]] = {
    "a record of a batch": _without_first_of_a_batch,
    "a text as Python writes it": lambda: patch.object(
        archive_lines, "text_of", lambda name, text: f'"{name}": {{"S": "{text}"}}'
    ),
    "all but one event of a time": _once_a_millisecond,
}
"""What is not found in the archive any more, each with the fault that loses it."""
