"""Make up requests that read the sample, which nobody writes, the same ones for the same seed."""

import random
from collections.abc import Callable, Mapping
from typing import Final

from careconnect_testing.ledger.entries import OF_RECORDS, Sent

PATIENTS: Final = tuple(str(number) for number in range(1, 41))
"""The patients of the sample."""

BOUND_TO: Final = "5"
"""The patient of the sample to whom a client is bound."""


class Reads:
    """Makes up reads, searches and refused requests.

    `owners` are the patients of the sample's resources by key, `identifiers` those of its patients (`system|value`).
    """

    def __init__(self, seed: str, owners: Mapping[str, str], identifiers: Mapping[str, str]) -> None:
        self._random = random.Random(seed)
        self._identifiers = identifiers
        self._owners = owners
        self._paths = sorted(owners)
        self._kinds: list[Callable[[], Sent]] = [
            *[self._read] * 4,
            *[self._search] * 4,
            *[self._everything, self._include, self._revinclude, self._population, self._directory],
            *[self._absent, self._refused, self._foreign, self._history, self._count, self._malformed],
            *[self._audit, self._described, self._described, self._all, self._forbidden],
        ]

    def request(self) -> Sent:
        """Return the next request."""
        return self._random.choice(self._kinds)()

    def _client(self) -> str:
        return f"all-{self._random.randrange(4)}"

    def _patient(self) -> str:
        return self._random.choice(PATIENTS)

    def _owned(self) -> tuple[str, str]:
        path = self._random.choice(self._paths)
        return path, self._owners[path]

    def _named(self, path: str, kind: str, patient: str, *parameters: tuple[str, str], client: str = "") -> Sent:
        return Sent("GET", path, client or self._client(), kind, named=frozenset({patient}), parameters=parameters)

    def _read(self) -> Sent:
        if self._random.random() < 0.5:
            patient = self._patient()
            return self._named(f"Patient/{patient}", "read", patient)
        path, owner = self._owned()
        return Sent(self._random.choice(("GET", "GET", "HEAD")), path, self._client(), "read", owner=owner)

    def _search(self) -> Sent:
        patient, type_ = self._patient(), self._random.choice(OF_RECORDS)
        where = self._random.choice(("patient", "below", "absolute"))
        if where == "below":
            return self._named(f"Patient/{patient}/{type_}", "search", patient, ("_count", "5"))
        value = patient if where == "patient" else f"Patient/{patient}"
        return self._named(type_, "search", patient, ("patient", value), ("_count", "3"))

    def _count(self) -> Sent:
        patient = self._patient()
        return self._named("Condition", "count", patient, ("patient", patient), ("_summary", "count"))

    def _everything(self) -> Sent:
        patient = self._patient()
        return self._named(f"Patient/{patient}/$everything", "$everything", patient, ("_count", "10"))

    def _include(self) -> Sent:
        path, _ = self._owned()
        type_, _, id_ = path.partition("/")
        parameters = (("_id", id_), ("_include", f"{type_}:patient"))
        return Sent("GET", type_, self._client(), "_include", parameters=parameters)

    def _revinclude(self) -> Sent:
        few = sorted({self._patient(), self._patient()})
        parameters = (("_id", ",".join(few)), ("_revinclude", "Immunization:patient"))
        return Sent("GET", "Patient", self._client(), "_revinclude", named=frozenset(few), parameters=parameters)

    def _population(self) -> Sent:
        born = ("birthdate", f"ge{self._random.randint(1930, 2015)}")
        return Sent("GET", "Patient", self._client(), "search of all", parameters=(born, ("_count", "7")))

    def _described(self) -> Sent:
        """Search a patient by an identifier, with any other criteria and however few results."""
        patient = self._patient()
        number, what = self._identifiers[patient], self._random.choice(("page", "none", "count", "chain"))
        if what == "chain":
            return self._named("Observation", "chain", patient, ("patient.identifier", number), ("_count", "2"))
        others = {"page": (), "none": (("birthdate", "ge2100"),), "count": (("_summary", "count"),)}[what]
        return self._named("Patient", "identifier", patient, ("identifier", number), *others)

    def _all(self) -> Sent:
        parameters = (("_count", "100"), ("_revinclude", "Immunization:patient"), ("birthdate", "lt2100"))
        return Sent("GET", "Patient", self._client(), "search of all", parameters=parameters)

    def _directory(self) -> Sent:
        return Sent("GET", "Organization", self._client(), "directory", parameters=(("name", "a"),))

    def _absent(self) -> Sent:
        patient = f"absent-{self._random.randrange(10**6)}"
        return self._named(f"Patient/{patient}", "absent", patient)

    def _refused(self) -> Sent:
        # The gateway lets any client that may read Patient request paths below one: the function refuses them.
        patient = self._patient()
        return self._named(f"Patient/{patient}/Condition", "refused", patient, client="patients")

    def _foreign(self) -> Sent:
        """A bound client requests another's record, or its own."""
        path, owner = self._owned()
        return Sent("GET", path, "bound", "bound", named=frozenset({owner}))

    def _history(self) -> Sent:
        patient = self._patient()
        return self._named(f"Patient/{patient}/_history", "history", patient)

    def _audit(self) -> Sent:
        patient = self._patient()
        return self._named("AuditEvent", "audit", patient, ("patient", patient), ("_count", "2"), client="auditor")

    def _malformed(self) -> Sent:
        patient = self._patient()
        return self._named("Observation", "malformed", patient, ("patient", patient), ("date", "never"))

    def _forbidden(self) -> Sent:
        """A client that may read Patient only requests another type, or writes: the gateway refuses it."""
        method = self._random.choice(("GET", "PUT"))
        body = {"resourceType": "Patient", "id": "4"} if method == "PUT" else None
        path = "Patient/4" if method == "PUT" else "Observation"
        return Sent(method, path, "patients", "refused", body=body, by_gateway=True)
