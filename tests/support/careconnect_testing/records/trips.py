"""The only table of each kind of request's cost: its AWS calls, round trip by round trip, and units.

`docs/performance.md` shows a part of the table, and `tests/unit/test_trips.py` verifies it by measurement.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from careconnect_testing.aws.moto_deployment import MotoDeployment, Spent
from careconnect_testing.http.request_kinds import RequestKind

BEGIN = "<!-- trips: `python -m benchmarks.measurements.trips --write` -->"
END = "<!-- end of trips -->"

_HEADING = ("request", "calls, round trip by round trip", "round trips", "read units", "write units")
_SHOWN = (
    "`POST /token`",
    "… with a DPoP proof",
    "The authorizer's judgement",
    "Read of a Patient",
    "Read of a Patient by a bound token",
    "Read of an Observation",
    "Search in a patient's record, 20 of 116",
    "Search of a Patient by identifier",
    "`Patient/4/$everything`, 20 of 130",
    "Create of an Observation",
    "Update of an Observation",
    "Delete of an Observation",
    "Search of AuditEvents by patient",
)
"""The kinds shown in `docs/performance.md`."""


@dataclass(frozen=True, slots=True)
class Trip:
    """The cost of a request to a warm function.

    `calls` names the operations. Those between two arrows are concurrent, and form one round trip.
    `besides` has the additional calls of the first request to a new instance, and in brackets the number of additional
    round trips.
    """

    calls: str
    read_units: float
    write_units: int
    besides: str = "–"

    @property
    def round_trips(self) -> int:
        """The number of sequential round trips."""
        return self.calls.count(" → ") + 1


TRIPS = {
    "`POST /token`": Trip("BatchGetItem → BatchExecuteStatement + Sign", 3, 1, "3 GetPublicKey (3)"),
    "… with a DPoP proof": Trip("BatchGetItem → PutItem → BatchExecuteStatement + Sign", 3, 2, "3 GetPublicKey (3)"),
    "… with a scope that is not the client's": Trip("BatchGetItem → BatchExecuteStatement", 3, 1),
    "`POST /introspect`": Trip("BatchGetItem → BatchExecuteStatement + BatchGetItem", 5, 1, "3 GetPublicKey (3)"),
    "… of a token that was revoked": Trip(
        "BatchGetItem → BatchExecuteStatement + BatchGetItem", 5, 1, "3 GetPublicKey (3)"
    ),
    "`POST /revoke`": Trip("BatchGetItem → BatchExecuteStatement + PutItem", 3, 2, "3 GetPublicKey (3)"),
    "The authorizer's judgement": Trip("BatchGetItem", 2, 0, "3 GetPublicKey (3)"),
    "Read of a Patient": Trip("BatchExecuteStatement + GetItem", 1, 2, "GetItem (0)"),
    "Read of a Patient by a bound token": Trip("PutItem → BatchExecuteStatement + GetItem", 1, 3, "GetItem (0)"),
    "Read of a Patient that is not there": Trip("BatchExecuteStatement + GetItem", 1, 2, "GetItem (0)"),
    "Read of a Patient that has not changed, 304": Trip("BatchExecuteStatement + GetItem", 1, 2, "GetItem (0)"),
    "Read of an Observation": Trip("GetItem → BatchExecuteStatement", 1, 2, "GetItem (0)"),
    "Read of an Organization": Trip("BatchExecuteStatement + GetItem", 1, 1, "GetItem (0)"),
    "Version of a Patient, the current one": Trip("BatchExecuteStatement + GetItem", 1, 2, "GetItem (0)"),
    "Version of a Patient that was replaced": Trip("BatchExecuteStatement + GetItem → GetItem", 2, 2, "GetItem (0)"),
    "Version of an Observation that was replaced": Trip(
        "GetItem → GetItem → BatchExecuteStatement", 2, 2, "GetItem (0)"
    ),
    "History of a Patient, two versions": Trip("BatchExecuteStatement + GetItem → Query", 2, 2, "GetItem (0)"),
    "History of an Observation, one version": Trip("GetItem → BatchExecuteStatement", 1, 2, "GetItem (0)"),
    "Search in a patient's record, 20 of 116": Trip(
        "BatchExecuteStatement + Query → BatchGetItem", 11, 2, "GetItem (0)"
    ),
    "… the second page, by its `next` link": Trip("BatchExecuteStatement + Query → BatchGetItem", 11, 2, "GetItem (1)"),
    "… and by a code, 20 of 52": Trip("BatchExecuteStatement + Query → BatchGetItem", 14, 2, "GetItem (0)"),
    "… the number alone, `_summary=count`": Trip("BatchExecuteStatement + Query", 4, 2, "GetItem (0)"),
    "… with the patient, `_include`": Trip("BatchExecuteStatement + Query → BatchGetItem", 11.5, 2, "GetItem (0)"),
    "… by the patient's identifier, chained": Trip(
        "2 Query → BatchExecuteStatement + Query → BatchGetItem", 12, 2, "GetItem (0)"
    ),
    "Search of a Patient by id": Trip("BatchExecuteStatement + BatchGetItem → BatchGetItem", 1, 2, "GetItem (0)"),
    "Search of a Patient by identifier": Trip("2 Query → BatchExecuteStatement + BatchGetItem", 1.5, 2, "GetItem (0)"),
    "… with its Organization, `_include`": Trip(
        "BatchExecuteStatement + BatchGetItem → BatchGetItem", 1.5, 2, "2 GetItem (0)"
    ),
    "… with its 116 Observations, `_revinclude`": Trip(
        "BatchExecuteStatement + BatchGetItem → Query → 2 BatchGetItem", 63, 2, "GetItem (0)"
    ),
    "Search that finds three Patients": Trip("4 Query → BatchExecuteStatement + BatchGetItem", 3.5, 6, "GetItem (0)"),
    "Search of an Organization by name": Trip("BatchExecuteStatement + Query → BatchGetItem", 1, 1, "GetItem (0)"),
    "`Patient/4/$everything`, 20 of 130": Trip(
        "BatchExecuteStatement + BatchGetItem + GetItem + Query → BatchGetItem", 17.5, 2, "2 GetItem (0)"
    ),
    "… the second page of it": Trip("BatchExecuteStatement + GetItem + Query → BatchGetItem", 12, 2, "GetItem (1)"),
    "Create of an Observation": Trip("BatchGetItem → TransactWriteItems", 1, 17, "GetItem (0)"),
    "Create of an Observation by a bound token": Trip(
        "PutItem → BatchGetItem → TransactWriteItems", 1, 18, "GetItem (0)"
    ),
    "Create of a Patient": Trip("BatchGetItem → TransactWriteItems", 1, 15, "GetItem (0)"),
    "Create of a Patient on a condition that nothing meets": Trip(
        "GetItem → BatchGetItem → TransactWriteItems", 2, 15, "GetItem (0)"
    ),
    "Create of a Patient on a condition that one meets": Trip(
        "GetItem → BatchGetItem → BatchExecuteStatement", 3, 2, "GetItem (0)"
    ),
    "Update that makes a Patient": Trip("BatchGetItem → TransactWriteItems", 2, 11, "GetItem (0)"),
    "Update of a Patient": Trip("BatchGetItem → TransactWriteItems", 2, 19, "GetItem (0)"),
    "Update of a Patient on a condition": Trip("GetItem → BatchGetItem → TransactWriteItems", 3, 21, "GetItem (0)"),
    "Update of a Patient with the same content": Trip("BatchGetItem → BatchExecuteStatement", 2, 2, "GetItem (0)"),
    "Update of an Observation": Trip("BatchGetItem → BatchGetItem → TransactWriteItems", 3, 19, "GetItem (0)"),
    "… with a text of 300 KB": Trip(
        "BatchGetItem → BatchGetItem + UpdateItem → TransactWriteItems", 3, 606, "GetItem (0)"
    ),
    "Patch of a Patient": Trip("BatchGetItem → TransactWriteItems", 2, 19, "GetItem (0)"),
    "Delete of a Patient": Trip("BatchGetItem → BatchGetItem → TransactWriteItems", 10, 37, "GetItem (0)"),
    "Delete of a Patient on a condition": Trip(
        "GetItem → BatchGetItem → BatchGetItem → TransactWriteItems", 11, 37, "GetItem (0)"
    ),
    "Delete of a Patient that is referred to, 409": Trip(
        "BatchGetItem → BatchGetItem → BatchExecuteStatement", 10, 2, "GetItem (0)"
    ),
    "Delete of an Observation": Trip("BatchGetItem → BatchGetItem → TransactWriteItems", 10, 37, "GetItem (0)"),
    "Read of an AuditEvent": Trip("BatchGetItem → BatchExecuteStatement", 0.5, 1),
    "Search of AuditEvents by patient": Trip("Query → BatchGetItem → BatchExecuteStatement", 10.5, 2, "GetItem (1)"),
    "… the second page of them": Trip("Query → BatchGetItem → BatchExecuteStatement", 3, 2, "GetItem, Query (2)"),
    "Search of AuditEvents of a day": Trip("16 Query → BatchExecuteStatement", 16, 1, "GetItem (1)"),
}
"""The cost of each of `KINDS`, by name and in their order."""


def measured(kind: RequestKind, deployment: MotoDeployment) -> Trip:
    """Send a request to a new instance twice, undo its writes, and return the cost of both."""
    put_back = deployment.put_back()
    instance = deployment.new_instance(kind.function)
    costs: list[Spent] = []
    for _ in range(2):
        answer, spent = deployment.spent(instance, kind.sent(deployment))
        put_back()
        assert answer.get("statusCode", 0) == kind.status, answer
        # Every call must have ended before the response: Lambda then freezes the rest.
        assert spent.answered == len(spent.rounds), kind.name
        costs.append(spent)
    first, warm = costs
    return Trip(_calls(warm), warm.read_units, warm.write_units, _besides(first, warm))


def _calls(spent: Spent) -> str:
    return " → ".join(" + ".join(_counted(Counter(names))) for names in spent.rounds)


def _besides(first: Spent, warm: Spent) -> str:
    once = Counter(name for names in first.rounds for name in names)
    once.subtract(name for names in warm.rounds for name in names)
    assert min(once.values()) >= 0, "the first request asks for less"
    calls = ", ".join(_counted(+once))
    return f"{calls} ({len(first.rounds) - len(warm.rounds)})" if calls else "–"


def _counted(names: Mapping[str, int]) -> Iterator[str]:
    for name, number in sorted(names.items()):
        yield f"{number} {name}" if number > 1 else name


def table(trips: Mapping[str, Trip]) -> str:
    """Return the table in Markdown."""
    rows: Iterable[tuple[str, ...]] = (
        (name, trip.calls, str(trip.round_trips), f"{trip.read_units:g}", str(trip.write_units))
        for name, trip in trips.items()
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (_HEADING, ("---",) * len(_HEADING), *rows))


def with_table(document: str) -> str:
    """Return a document with the table of its kinds between its two comments."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table({name: TRIPS[name] for name in _SHOWN})}\n\n{END}{after}"
