"""`careconnect patients`: erase a patient's record, or move what was filed under the wrong patient."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from careconnect_admin.commands.shared.listing import print_table
from careconnect_admin.commands.shared.on_stack import JsonOption, client_registry, on_stack, token_revocations
from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import remark, say, say_json
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect.export.job import Job
    from careconnect_admin.erasing.survey import Survey
    from careconnect_admin.moving.move_survey import MoveSurvey
    from careconnect_admin.stack.target import StackTarget
    from careconnect_records.items.tables import RecordTables

_MAX_SHOWN: Final = 100

app = typer.Typer(
    name="patients",
    help="Erase a patient's record, or move what was filed under the wrong patient.",
    no_args_is_help=True,
)


@app.command()
@on_stack
def erase(
    target: "StackTarget",
    patient: Annotated[str, typer.Argument(metavar="ID", help="The patient's id, as in Patient/ID.")],
    yes: Annotated[bool, typer.Option("--yes", help="Erase. Without it, only list what would go.")] = False,
    unlink: Annotated[
        bool, typer.Option("--unlink", help="Replace references of others to the record by their display.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Erase a patient's whole record for good, with all versions. Without --yes, list what goes and what stops it.

    Clients that are bound to the patient are disabled, and bulk exports that may hold the record are ended. Others'
    references to the record stop it, unless --unlink replaces each by its display, in a new version. A run that was
    interrupted is repeated.
    """
    from careconnect.audit.event import Action
    from careconnect_admin.auditing.audited_erasure import ERASE, recorded_erasure
    from careconnect_admin.auditing.open_trail import operator_record
    from careconnect_admin.clients.cut_off import cut_off_patient
    from careconnect_admin.erasing.erase_patient import Erasure, LinkedError
    from careconnect_admin.exporting.exports import exports_of
    from careconnect_admin.loading.writer import Announce, nothing
    from careconnect_admin.stack.operator_work import registered

    patient = _id(patient)
    _require_no_switch(target)
    tables, base_url, record = _tables(target), target.output("BaseUrl"), operator_record(target)
    # What refers to the record tells of others, too.
    record.concerning(ERASE, Action.READ, [patient])
    with working("Looking for the record"):
        found = Erasure(tables, base_url=base_url, announce=nothing).survey(patient)
    clients = [each.client_id for each in client_registry(target).every() if each.patient == patient]
    exports = exports_of(target)
    if not yes:
        may_hold = exports.that_may_hold(patient) if exports else []
        _show(patient, found, clients, may_hold, unlink=unlink, as_json=as_json)
        return
    if found.references and not unlink:
        raise LinkedError(found)
    cut_off_patient(client_registry(target), token_revocations(target), patient)
    jobs: list[Job] = []

    def run(announce: Announce) -> None:
        # What begins from now on waits for the end of the erasure.
        if exports:
            jobs.extend(exports.that_may_hold(patient))
            exports.end(jobs)
        with working("Erasing") as show:
            erasure = Erasure(
                tables,
                base_url=base_url,
                announce=announce,
                progress=lambda part, done: show(f"{part}: {done:,}" if done else part),
            )
            erasure.erase(patient, unlink=unlink)
            if exports:
                show("Removing exports")
                exports.remove(jobs)

    with registered(tables, "erase"):
        recorded_erasure(record, patient, run)
    if as_json:
        say_json(_as_object(patient, found, clients, jobs) | {"erased": True})
    else:
        if clients:
            remark(f"Disabled: {', '.join(clients)}")
        if jobs:
            remark(f"Exports that were ended: {', '.join(each.id for each in jobs)}")
        if found.references:
            remark(f"References of others that were replaced: {len(found.references):,}")
        say(f"Erased Patient/{patient}: {len(found.current):,} resources. docs/erasure.md says what remains, and where")


@app.command()
@on_stack
def move(
    target: "StackTarget",
    former: Annotated[str, typer.Argument(metavar="FROM", help="The id of the patient in whose record they are.")],
    patient: Annotated[str, typer.Argument(metavar="TO", help="The id of the patient to whom they belong.")],
    names: Annotated[list[str], typer.Argument(metavar="NAMES…", help="The resources, as in Observation/1.")],
    yes: Annotated[bool, typer.Option("--yes", help="Move. Without it, only list what would move.")] = False,
    along: Annotated[
        bool, typer.Option("--with", help="Move also what refers to these in the record, or they to it, and so on.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Move resources that were filed under the wrong patient, all or none. Without --yes, list what moves.

    References that would lead from one record to the other stop it, unless --with moves what they connect. Each moved
    resource gets a new version; the former ones stay in its history. What has moved already stays as it is.
    """
    from careconnect.audit.event import Action
    from careconnect_admin.auditing.audited_move import MOVE, recorded_move
    from careconnect_admin.auditing.open_trail import operator_record
    from careconnect_admin.moving.move_resources import ChangedError, Move, StoppedError
    from careconnect_admin.stack.operator_work import registered

    former, patient = _id(former), _id(patient)
    if former == patient:
        raise OperatorError("FROM and TO are the same patient")
    _require_no_switch(target)
    record = operator_record(target)
    # What a resource refers to tells of the record, and what is not moved of the other.
    record.concerning(MOVE, Action.READ, [former, patient])
    tables = _tables(target)
    moves = Move(tables, former, patient, base_url=target.output("BaseUrl"))
    with working("Looking for what refers to what"):
        found = moves.survey(names, along=along)
    if yes and found.stops:
        raise StoppedError(found)
    if yes and found.moving:
        with working("Moving"), registered(tables, "move"):
            recorded_move(record, former, patient, found.versions, lambda: moves.move(found), refusals=(ChangedError,))
    if as_json:
        say_json(_as_moved(former, patient, found) | {"done": yes})
        return
    _show_move(found)
    if found.stops:
        remark("careconnect: nothing was changed, and nothing moves while something stops it")
    elif not found.moving:
        remark("careconnect: nothing is left to move")
    elif yes:
        say(f"Moved from Patient/{former} to Patient/{patient}: {len(found.moving):,} resources")
    else:
        remark("careconnect: nothing was changed. --yes moves it; read docs/erasure.md, A wrong merge, first")


def _show_move(found: "MoveSurvey") -> None:
    """Print what a move does, and what stops it."""
    for text, lines in (
        (
            "moves",
            [f"{key} ({', '.join(each.elements)})" for key, each in found.moving.items() if key not in found.added],
        ),
        ("moves with it", [f"{key} ({', '.join(found.moving[key].elements)})" for key in found.added]),
        ("has moved already", [*found.moved]),
        ("has a text that may name the patient", found.with_narrative),
        ("stops it", found.stops),
    ):
        _say_each(text, lines)


def _say_each(text: str, lines: Sequence[str]) -> None:
    for line in lines[:_MAX_SHOWN]:
        say(f"{text}: {line}")
    if len(lines) > _MAX_SHOWN:
        say(f"{text}: {len(lines) - _MAX_SHOWN:,} more")


def _as_moved(former: str, patient: str, found: "MoveSurvey") -> dict[str, Any]:
    return {
        "from": former,
        "to": patient,
        "moves": {key: list(each.elements) for key, each in found.moving.items()},
        "with": list(found.added),
        "moved": list(found.moved),
        "crossing": [list(link) for link in sorted(found.crossing)],
        "texts": found.with_narrative,
        "stops": found.stops,
    }


def _id(patient: str) -> str:
    from careconnect.fhir.resource_types import valid_id

    patient = patient.removeprefix("Patient/")
    if not valid_id(patient):
        raise OperatorError("a patient's id has 1 to 64 of the characters A-Z a-z 0-9 - and '.'")
    return patient


def _tables(target: "StackTarget") -> "RecordTables":
    from careconnect_admin.stack.restored_tables import OUTPUTS
    from careconnect_records.items.tables import RecordTables

    return RecordTables(target.client("dynamodb"), *(target.output(name) for name in OUTPUTS))


def _require_no_switch(target: "StackTarget") -> None:
    """Raise `OperatorError` during a switch to restored tables, which would bring the record back."""
    from careconnect_admin.restoring.switch_tables import unfinished_switches
    from careconnect_admin.stack.restored_tables import PARAMETER

    if not target.is_local and PARAMETER in target.parameters and unfinished_switches(target):
        raise OperatorError("a switch to restored tables has not ended: let it end first")


def _show(
    patient: str, found: "Survey", clients: list[str], jobs: "Sequence[Job]", *, unlink: bool, as_json: bool
) -> None:
    """Print what an erasure does, and what stops it."""
    shown = _as_object(patient, found, clients, jobs)
    if as_json:
        say_json(shown | {"erased": False})
        return
    types: Any = shown["types"]
    total = {name: sum(each[name] for each in types.values()) for name in ("resources", "versions")}
    rows = [
        (name, f"{each['resources']:,}", f"{each['versions']:,}") for name, each in {**types, "total": total}.items()
    ]
    print_table(("goes", "resources", "former versions"), rows, numbers_from=1)
    for text, keys in (
        ("stays, but for former versions that are the patient's", sorted(found.of_others)),
        ("is disabled", clients),
        ("ends, with its files", [f"export {each.id} of {each.client_id}" for each in jobs]),
        (
            "is unlinked" if unlink else "stops it",
            [f"{key} → {', '.join(to)}" for key, to in shown["references"].items()],
        ),
    ):
        _say_each(text, keys)
    if found.is_clean and not jobs:
        remark(f"careconnect: nothing is stored of Patient/{patient}")
    else:
        remark("careconnect: nothing was changed. --yes erases it for good; read docs/erasure.md first")


def _as_object(patient: str, found: "Survey", clients: list[str], jobs: "Sequence[Job]") -> dict[str, Any]:
    resources = Counter(key.partition("/")[0] for key in found.current)
    versions: Counter[str] = Counter()
    for key, number in found.versions.items():
        versions[key.partition("/")[0]] += number
    return {
        "patient": patient,
        "types": {
            name: {"resources": resources[name], "versions": versions[name]} for name in sorted({*resources, *versions})
        },
        "others": sorted(found.of_others),
        "references": {key: list(found.references[key]) for key in sorted(found.references)},
        "clients": clients,
        "exports": [each.id for each in jobs],
    }
