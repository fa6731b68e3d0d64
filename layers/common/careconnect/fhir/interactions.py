"""The one table of interactions: what a method on a path of the FHIR API is, needs, takes and records.

Paths, `Allow` headers, letters, audit events, log lines, the gateway's routes, the CapabilityStatement and the OpenAPI
document follow from its rows. A function answers the rows for which it has a handler (ADR 44).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from careconnect.fhir.resource_types import ResourceType
from careconnect.fhir.result_parameter_names import (
    EVERYTHING_PARAMETERS,
    EXPORT_PARAMETERS,
    HISTORY_PARAMETERS,
    SEARCH_PARAMETERS,
    VALIDATE_PARAMETERS,
    VIEW_PARAMETERS,
    WRITE_PARAMETERS,
)

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
"""The methods in the order of an `Allow` header. OPTIONS is a preflight's on every path."""


class Shape(StrEnum):
    """The shape of a path, below the FHIR base."""

    BASE = ""
    TYPE = "{type}"
    SEARCH = "{type}/_search"
    INSTANCE = "{type}/{id}"
    HISTORY = "{type}/{id}/_history"
    VERSION = "{type}/{id}/_history/{version}"
    OPERATION = "{type}/{id}/{operation}"
    TYPE_OPERATION = "{type}/{operation}"
    RECORD = "{owner}/{id}/{type}"
    """A search within the compartment of one resource (`Patient/4/Observation`)."""
    RECORD_SEARCH = "{owner}/{id}/{type}/_search"
    SYSTEM_OPERATION = "{operation}"
    """An operation of the base (`$export`)."""
    JOB = "{operation}/{job}"
    """A bulk export under way or done."""
    FILE = "{operation}/{job}/{file}"


OF_NO_TYPE: Final = (Shape.BASE, Shape.SYSTEM_OPERATION, Shape.JOB, Shape.FILE)
"""The shapes of paths that are of no type."""


class Agent(StrEnum):
    """Who answers an interaction.

    The reader or the writer of the type's table, the function of Bundles, or those of bulk exports' jobs and files.
    """

    READER = "reader"
    WRITER = "writer"
    BUNDLES = "bundles"
    EXPORTS = "exports"
    EXPORT_FILES = "export-files"


class Condition(StrEnum):
    """The place of the condition by which a conditional interaction finds its resource."""

    NONE = ""
    QUERY = "query"
    HEADER = "if-none-exist"


def _every(_type: ResourceType) -> bool:
    return True


def _versioned(type_: ResourceType) -> bool:
    return type_.versioned


def _writable(type_: ResourceType) -> bool:
    return type_.writable


def _patient(type_: ResourceType) -> bool:
    return type_.is_patient


@dataclass(frozen=True, slots=True, eq=False)
class Interaction:
    """One row: `methods` on a path of `shape`, for the types of which `of` is true.

    `name` is its name in log lines. `letters` are those of a scope that it needs: all of `us`, any of `c|u|d`, or none.
    `code` and `action` are the audit trail's (STU3 value sets `restful-interaction` and `audit-event-action`).
    `takes` are its result parameters. `operation` is the name of an operation (`$everything`), or empty.
    """

    name: str
    methods: tuple[str, ...]
    shape: Shape
    letters: str
    code: str
    action: str
    takes: tuple[str, ...]
    agent: Agent
    of: Callable[[ResourceType], bool] = _every
    operation: str = ""
    condition: Condition = Condition.NONE

    @property
    def is_search(self) -> bool:
        """True if its parameters are criteria."""
        return self.code == "search-type"

    def is_asked_by(self, method: str, headers: Mapping[str, str]) -> bool:
        """Return True if a request with this method and these headers, on a path of this row, is this interaction."""
        return method in self.methods and (self.condition is not Condition.HEADER or self.condition.value in headers)


READ: Final = Interaction(
    name="read",
    methods=("GET", "HEAD"),
    shape=Shape.INSTANCE,
    letters="r",
    code="read",
    action="R",
    takes=VIEW_PARAMETERS,
    agent=Agent.READER,
)
VREAD: Final = replace(READ, name="vread", shape=Shape.VERSION, code="vread", of=_versioned)
HISTORY: Final = replace(VREAD, name="history", shape=Shape.HISTORY, code="history-instance", takes=HISTORY_PARAMETERS)
SEARCH: Final = replace(READ, name="search", shape=Shape.TYPE, letters="s", code="search-type", takes=SEARCH_PARAMETERS)
POSTED_SEARCH: Final = replace(SEARCH, name="_search", methods=("POST",), shape=Shape.SEARCH)
RECORD_SEARCH: Final = replace(SEARCH, shape=Shape.RECORD)
POSTED_RECORD_SEARCH: Final = replace(POSTED_SEARCH, shape=Shape.RECORD_SEARCH)
EVERYTHING: Final = replace(
    READ,
    name="everything",
    methods=("GET", "HEAD", "POST"),
    shape=Shape.OPERATION,
    code="operation",
    action="E",
    takes=EVERYTHING_PARAMETERS,
    of=_patient,
    operation="$everything",
)

CREATE: Final = Interaction(
    name="create",
    methods=("POST",),
    shape=Shape.TYPE,
    letters="c",
    code="create",
    action="C",
    takes=WRITE_PARAMETERS,
    agent=Agent.WRITER,
    of=_writable,
)
CONDITIONAL_CREATE: Final = replace(CREATE, letters="cs", condition=Condition.HEADER)
UPDATE: Final = replace(
    CREATE, name="update", methods=("PUT",), shape=Shape.INSTANCE, letters="u", code="update", action="U"
)
CONDITIONAL_UPDATE: Final = replace(UPDATE, shape=Shape.TYPE, letters="us", condition=Condition.QUERY)
# The `test` of a patch shows what is stored.
PATCH: Final = replace(UPDATE, name="patch", methods=("PATCH",), letters="ur", code="patch")
DELETE: Final = replace(UPDATE, name="delete", methods=("DELETE",), letters="d", code="delete", action="D")
CONDITIONAL_DELETE: Final = replace(DELETE, shape=Shape.TYPE, letters="ds", condition=Condition.QUERY)

VALIDATE: Final = replace(
    CREATE,
    name="validate",
    shape=Shape.TYPE_OPERATION,
    letters="c|u|d",
    code="operation",
    action="E",
    takes=VALIDATE_PARAMETERS,
    operation="$validate",
)
"""What a write would be refused for."""
VALIDATE_ONE: Final = replace(VALIDATE, shape=Shape.OPERATION)

BATCH: Final = Interaction(
    name="batch",
    methods=("POST",),
    shape=Shape.BASE,
    letters="c|u|d",
    code="batch",
    action="E",
    takes=WRITE_PARAMETERS,
    agent=Agent.BUNDLES,
)
"""A Bundle, until its body says that it is a transaction. It needs a letter of any type; its entries have their own."""
TRANSACTION: Final = replace(BATCH, name="transaction", code="transaction")

KICK_OFF: Final = Interaction(
    name="export",
    methods=("GET", "POST"),
    shape=Shape.SYSTEM_OPERATION,
    letters="rs",
    code="operation",
    action="E",
    takes=EXPORT_PARAMETERS,
    agent=Agent.EXPORTS,
    operation="$export",
)
"""The start of a bulk export. It needs the letters of any type, at the level `system`; the job is over those alone."""
PATIENT_KICK_OFF: Final = replace(KICK_OFF, shape=Shape.TYPE_OPERATION, of=_patient)
"""The start of a bulk export of the patient compartment."""
STATUS: Final = replace(KICK_OFF, name="export-status", methods=("GET", "HEAD"), shape=Shape.JOB, takes=())
# Any token of the job's client may cancel it.
CANCEL: Final = replace(STATUS, name="export-cancel", methods=("DELETE",), letters="")
FILE: Final = replace(STATUS, name="export-file", shape=Shape.FILE, agent=Agent.EXPORT_FILES)

INTERACTIONS: Final = (
    READ,
    VREAD,
    HISTORY,
    SEARCH,
    POSTED_SEARCH,
    RECORD_SEARCH,
    POSTED_RECORD_SEARCH,
    EVERYTHING,
    # Before the other row of its path and method, which takes what has no condition.
    CONDITIONAL_CREATE,
    CREATE,
    UPDATE,
    PATCH,
    DELETE,
    CONDITIONAL_UPDATE,
    CONDITIONAL_DELETE,
    VALIDATE,
    VALIDATE_ONE,
    BATCH,
    TRANSACTION,
    KICK_OFF,
    PATIENT_KICK_OFF,
    STATUS,
    CANCEL,
    FILE,
)
"""All rows. Of several that a request fits, the first is its interaction."""

WRITES: Final = tuple(each for each in INTERACTIONS if each.agent is Agent.WRITER and not each.operation)


def interactions_on(shape: Shape, type_: ResourceType, operation: str = "") -> tuple[Interaction, ...]:
    """Return the rows of a path, by its shape, its type and the name of its operation."""
    return tuple(
        each for each in INTERACTIONS if each.shape is shape and each.operation == operation and each.of(type_)
    )


def interactions_of(type_: ResourceType) -> tuple[Interaction, ...]:
    """Return the rows of a type: those on its own paths, and the searches of its resources in a record."""
    return tuple(each for each in INTERACTIONS if each.shape not in OF_NO_TYPE and each.of(type_))


def conditional_interactions_of(type_: ResourceType) -> tuple[Interaction, ...]:
    """Return the conditional interactions of a type; none for a type without identifiers."""
    return tuple(each for each in interactions_of(type_) if each.condition and type_.condition is not None)


def operations_of(type_: ResourceType) -> tuple[Interaction, ...]:
    """Return the operations of a type."""
    return tuple(each for each in interactions_of(type_) if each.operation)


def allowed_methods(rows: Iterable[Interaction]) -> str:
    """Return the methods of a path's rows as an `Allow` header has them."""
    methods = {method for each in rows for method in each.methods}
    return ", ".join(method for method in METHODS if method in methods)
