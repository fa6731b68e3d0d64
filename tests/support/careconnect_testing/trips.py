"""What each kind of request costs: its calls of AWS, round trip by round trip, and units. The one table of it.

`docs/performance.md` shows the table, `tests/unit/test_trips.py` measures whether it is so.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from careconnect_testing.moto_deployment import MotoDeployment, Spent
from careconnect_testing.request_kinds import RequestKind

BEGIN = "<!-- trips: `python -m benchmarks.trips --write` -->"
END = "<!-- end of trips -->"

_HEADING = (
    "request",
    "calls, round trip by round trip",
    "round trips",
    "read units",
    "write units",
    "of a new instance",
)


@dataclass(frozen=True, slots=True)
class Trip:
    """What a request costs a function that is warm.

    `calls` names the operations: between two arrows stand those that are made side by side, which are one round trip.
    `besides` is what the first request to a new instance asks for besides, and in brackets how many round trips more
    that takes.
    """

    calls: str
    read_units: float
    write_units: int
    besides: str = "–"

    @property
    def round_trips(self) -> int:
        """How many calls wait for each other."""
        return self.calls.count(" → ") + 1


TRIPS = {
    "`POST /token`": Trip("BatchGetItem → PutItem + Sign", 3, 1, "3 GetPublicKey (3)"),
    "… with a scope that is not the client's": Trip("BatchGetItem → PutItem", 3, 1),
    "`POST /introspect`": Trip("BatchGetItem → BatchGetItem + PutItem", 5, 1, "3 GetPublicKey (3)"),
    "… of a token that was revoked": Trip(
        "BatchGetItem → BatchGetItem + PutItem → PutItem", 5, 2, "3 GetPublicKey (3)"
    ),
    "`POST /revoke`": Trip("BatchGetItem → 2 PutItem", 3, 2, "3 GetPublicKey (3)"),
    "The authorizer's judgement": Trip("BatchGetItem", 2, 0, "3 GetPublicKey (3)"),
    "Read of a Patient": Trip("GetItem + PutItem", 1, 2),
    "Read of a Patient that is not there": Trip("GetItem + PutItem → PutItem", 1, 4),
    "Read of a Patient that has not changed, 304": Trip("GetItem + PutItem", 1, 2),
    "Read of an Observation": Trip("GetItem → PutItem", 1, 2),
    "Read of an Organization": Trip("GetItem + PutItem", 1, 1),
    "Version of a Patient, the current one": Trip("GetItem + PutItem", 1, 2),
    "Version of a Patient that was replaced": Trip("GetItem + PutItem → GetItem", 2, 2),
    "Version of an Observation that was replaced": Trip("GetItem → GetItem → PutItem", 2, 2),
    "History of a Patient, two versions": Trip("GetItem + PutItem → Query → Query", 3, 2),
    "History of an Observation, one version": Trip("GetItem → PutItem", 1, 2),
    "Search in a patient's record, 20 of 116": Trip("PutItem + Query → BatchGetItem", 14, 2, "GetItem (1)"),
    "… the second page, by its `next` link": Trip("PutItem + Query → BatchGetItem", 11, 2, "GetItem (1)"),
    "… and by a code, 20 of 52": Trip("PutItem + Query → BatchGetItem", 14, 2, "GetItem (1)"),
    "… the number alone, `_summary=count`": Trip("PutItem + Query", 4, 2),
    "… with the patient, `_include`": Trip("PutItem + Query → BatchGetItem → BatchGetItem", 14.5, 2, "GetItem (1)"),
    "… by the patient's identifier, chained": Trip(
        "Query → Query → BatchGetItem + PutItem", 14.5, 2, "GenerateMac, GetItem (2)"
    ),
    "Search of a Patient by id": Trip("BatchGetItem + PutItem → BatchGetItem", 1, 2),
    "Search of a Patient by identifier": Trip("Query → BatchGetItem + PutItem", 1, 2, "GenerateMac (1)"),
    "… with its Organization, `_include`": Trip("BatchGetItem + PutItem → BatchGetItem → BatchGetItem", 1.5, 2),
    "… with its 116 Observations, `_revinclude`": Trip(
        "BatchGetItem + PutItem → BatchGetItem → Query → 2 BatchGetItem", 63, 2
    ),
    "Search that finds three Patients": Trip("4 Query → BatchGetItem + TransactWriteItems", 3.5, 9, "GenerateMac (1)"),
    "Search of an Organization by name": Trip("PutItem + Query → BatchGetItem", 1, 1, "GenerateMac (1)"),
    "`Patient/4/$everything`, 20 of 130": Trip(
        "BatchGetItem + GetItem + PutItem + Query → BatchGetItem → BatchGetItem", 17.5, 2, "GetItem (1)"
    ),
    "… the second page of it": Trip("GetItem + PutItem + Query → BatchGetItem", 12, 2, "GetItem (1)"),
    "Create of an Observation": Trip("BatchGetItem → TransactWriteItems", 1, 19, "GetItem (1)"),
    "Create of a Patient": Trip("BatchGetItem → TransactWriteItems", 1, 17, "GetItem (1)"),
    "Create of a Patient on a condition that nothing meets": Trip(
        "GetItem → BatchGetItem → TransactWriteItems", 2, 17, "GenerateMac, 2 GetItem (3)"
    ),
    "Create of a Patient on a condition that one meets": Trip(
        "GetItem → BatchGetItem → BatchGetItem → PutItem", 4, 2, "GenerateMac, GetItem (2)"
    ),
    "Update that makes a Patient": Trip("BatchGetItem → TransactWriteItems", 3, 13, "GetItem (1)"),
    "Update of a Patient": Trip("BatchGetItem → TransactWriteItems", 3, 23, "GetItem (1)"),
    "Update of a Patient on a condition": Trip(
        "GetItem → BatchGetItem → BatchGetItem → TransactWriteItems", 4, 25, "GenerateMac, 2 GetItem (3)"
    ),
    "Update of a Patient with the same content": Trip("BatchGetItem → PutItem", 3, 2),
    "Update of an Observation": Trip("BatchGetItem → BatchGetItem → TransactWriteItems", 4, 23, "GetItem (1)"),
    "Patch of a Patient": Trip("BatchGetItem → TransactWriteItems", 3, 23, "GetItem (1)"),
    "Delete of a Patient": Trip(
        "BatchGetItem → BatchGetItem → TransactWriteItems", 11, 39, "BatchGetItem, GetItem (2)"
    ),
    "Delete of a Patient on a condition": Trip(
        "GetItem → BatchGetItem → BatchGetItem → BatchGetItem → TransactWriteItems",
        12,
        39,
        "BatchGetItem, GenerateMac, 2 GetItem (4)",
    ),
    "Delete of a Patient that is referred to, 409": Trip(
        "BatchGetItem → BatchGetItem → PutItem", 11, 2, "BatchGetItem (1)"
    ),
    "Delete of an Observation": Trip(
        "BatchGetItem → BatchGetItem → TransactWriteItems", 11, 39, "BatchGetItem, GetItem (2)"
    ),
    "Read of an AuditEvent": Trip("Query → PutItem", 1, 1),
    "Search of AuditEvents by patient": Trip("Query → PutItem", 0.5, 2, "GetItem (1)"),
    "… the second page of them": Trip("Query → PutItem", 0.5, 2, "GetItem (1)"),
    "Search of AuditEvents of a day": Trip("16 Query → PutItem", 16, 1, "GetItem (1)"),
}
"""By the names of `KINDS`, in their order."""


def measured(kind: RequestKind, deployment: MotoDeployment) -> Trip:
    """Send a request to a new instance and then again, and return what that cost; what it wrote is undone."""
    put_back = deployment.put_back()
    instance = deployment.new_instance(kind.function)
    costs: list[Spent] = []
    for _ in range(2):
        answer, spent = deployment.spent(instance, kind.sent(deployment))
        put_back()
        assert answer.get("statusCode", 0) == kind.status, answer
        # What is asked for is waited for: Lambda freezes what is left when the answer is given.
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
        (name, trip.calls, str(trip.round_trips), f"{trip.read_units:g}", str(trip.write_units), trip.besides)
        for name, trip in trips.items()
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (_HEADING, ("---",) * len(_HEADING), *rows))


def with_table(document: str) -> str:
    """Return a document with the declared table between its marks."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{table(TRIPS)}\n\n{END}{after}"
