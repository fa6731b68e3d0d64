"""A strict parser of a request's path and parameters: each resource has one spelling, and nothing is normalised."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from careconnect.fhir import outcomes
from careconnect.fhir.interactions import KICK_OFF, Interaction, Shape, allowed_methods, interactions_on
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.posted_parameters import ParametersError, posted_parameters
from careconnect.fhir.rendering.formats import body_format
from careconnect.fhir.resource_types import ResourceType, SearchParameter, Table, served_type, valid_id
from careconnect.fhir.unknown_path import unknown_path
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import BodyError, BodyFault, Request, is_utf8

_NAME: Final = re.compile(r"[A-Za-z]+")

MAX_BUNDLE_ENTRIES: Final = 500
MAX_BUNDLE_MEGABYTES: Final = 4
"""The limits of a Bundle that is sent (`bundles.md`)."""

_LONGEST_QUERY: Final = 8_192
_LARGEST_BODY: Final = 65_536
_MAX_PARAMETERS: Final = 200
_LONGEST_VERSION: Final = 9
"""Maximum digits of a version number."""

Parameters = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Compartment:
    """The compartment that a search is limited to: `reference` has to point at `owner` (`Patient/4`)."""

    reference: SearchParameter
    owner: str


@dataclass(frozen=True, slots=True)
class FhirPath:
    """A parsed path of the FHIR API. `type` is the type that is read, searched or written.

    `operation` is the name of an operation (`$everything`), or empty. `job` and `file` are the parts of the path of a
    bulk export, as sent: they may be any text.
    """

    shape: Shape
    type: ResourceType
    id: str = ""
    version: str = ""
    operation: str = ""
    compartment: Compartment | None = None
    job: str = ""
    file: str = ""

    @property
    def interactions(self) -> tuple[Interaction, ...]:
        """The interactions that the path has, each by its methods."""
        return interactions_on(self.shape, self.type, self.operation)

    def interaction(self, method: str, headers: Mapping[str, str]) -> Interaction | None:
        """Return the interaction of a request for this path, None if the path does not take its method."""
        return next((row for row in self.interactions if row.is_asked_by(method, headers)), None)

    @property
    def allowed(self) -> str:
        """The methods that the path accepts, of all functions: the `Allow` header of a 405."""
        return allowed_methods(self.interactions)

    @property
    def is_posted_search(self) -> bool:
        """True if the path is one to which a form with a search is posted."""
        return self.shape in (Shape.SEARCH, Shape.RECORD_SEARCH)

    @property
    def is_export(self) -> bool:
        """True if the path is one of bulk exports, which other functions than the readers and writers answer."""
        return self.operation == KICK_OFF.operation

    @property
    def target(self) -> str:
        """The reference to the resource, the version or the compartment in the path; empty without one."""
        owner = self.compartment.owner if self.compartment else ""
        target = owner or (f"{self.type.name}/{self.id}" if self.id else "")
        # A longer text is no version, and no audit event contains it.
        is_version = self.version.isdecimal() and len(self.version) <= _LONGEST_VERSION
        return f"{target}/_history/{self.version}" if is_version else target

    @property
    def patient(self) -> str:
        """The id of the patient in the path; empty without one."""
        if self.compartment is not None:
            return self.compartment.owner.partition("/")[2]
        return self.id if self.type.is_patient else ""

    @property
    def asked(self) -> str:
        """The path below the base of a paged result, which its links begin with."""
        if self.compartment is not None:
            return f"{self.compartment.owner}/{self.type.name}"
        below = self.operation or ("_history" if self.shape is Shape.HISTORY else "")
        return f"{self.type.name}/{self.id}/{below}" if below else self.type.name


BASE: Final = FhirPath(Shape.BASE, ResourceType("", Table.RECORD, (), ()))
"""The FHIR base, which is of no type: a type without a name stands for all."""


def parse_path(path: str) -> FhirPath:
    """Parse `/careconnect-ri/STU3/Type…`.

    Each segment is decoded once, after the split, so an encoded slash never separates. A path with empty segments,
    dots, parameters (`;`) or another case is another path.

    Raises:
        OutcomeError: 404 with the cause for a path that the API does not have; 400 for a malformed id.
    """
    prefix, _, rest = path.partition(FHIR_PATH + "/")
    if prefix or not rest:
        raise unknown_path(path)
    name, *segments = (unquote(segment) for segment in rest.split("/"))
    if name == KICK_OFF.operation:
        return _export_path(segments, path)
    found = served_type(name) if _NAME.fullmatch(name) else None
    if found is None:
        raise unknown_path(path)
    match segments:
        case []:
            return FhirPath(Shape.TYPE, found)
        case ["_search"]:
            return FhirPath(Shape.SEARCH, found)
        case [operation] if operation.startswith("$") and interactions_on(Shape.TYPE_OPERATION, found, operation):
            return FhirPath(Shape.TYPE_OPERATION, found, operation=operation)
        case [resource_id]:
            return FhirPath(Shape.INSTANCE, found, _id(resource_id, path))
        case [resource_id, operation] if interactions_on(Shape.OPERATION, found, operation):
            return FhirPath(Shape.OPERATION, found, _id(resource_id, path), operation=operation)
        case [owner_id, name] if name in found.members:
            return _within(found, owner_id, name, Shape.RECORD, path)
        case [owner_id, name, "_search"] if name in found.members:
            return _within(found, owner_id, name, Shape.RECORD_SEARCH, path)
        case [resource_id, "_history"] if found.versioned:
            return FhirPath(Shape.HISTORY, found, _id(resource_id, path))
        case [resource_id, "_history", version] if found.versioned:
            return FhirPath(Shape.VERSION, found, _id(resource_id, path), version)
        case _:
            raise unknown_path(path)


def _export_path(segments: list[str], path: str) -> FhirPath:
    """Return the path of a bulk export, by what follows `$export`; raises the outcome 404."""
    match segments:
        case []:
            return FhirPath(Shape.SYSTEM_OPERATION, BASE.type, operation=KICK_OFF.operation)
        case [job] if job:
            return FhirPath(Shape.JOB, BASE.type, operation=KICK_OFF.operation, job=job)
        case [job, file] if job and file:
            return FhirPath(Shape.FILE, BASE.type, operation=KICK_OFF.operation, job=job, file=file)
        case _:
            raise unknown_path(path)


def _within(owner: ResourceType, owner_id: str, name: str, shape: Shape, path: str) -> FhirPath:
    member, reference = owner.members[name]
    return FhirPath(shape, member, compartment=Compartment(reference, f"{owner.name}/{_id(owner_id, path)}"))


def _id(text: str, path: str) -> str:
    if not text or text.startswith(("_", "$")):
        raise unknown_path(path)
    if not valid_id(text):
        raise outcomes.invalid_id()
    return text


def parameters_of(request: Request, path: FhirPath) -> Parameters:
    """Return the parameters of the query, and of the form or the Parameters that are posted.

    An access token among them is refused (RFC 6750 §2: one method of sending it, and never the query). Raises the
    outcomes 400, 413 and 415.
    """
    if not is_utf8(request.query):
        raise outcomes.not_utf8("query")
    parameters = list(request.query)
    if path.is_posted_search:
        parameters += form_of(request)
    elif request.method == "POST":
        parameters += _posted(request)
    elif sum(len(name) + len(text) + 2 for name, text in parameters) > _LONGEST_QUERY:
        longest, _ = max(parameters, key=lambda pair: len(pair[1]))
        raise outcomes.invalid_parameter(longest, "the query is over the limit: post the search to _search.")
    if len(parameters) > _MAX_PARAMETERS:
        raise outcomes.too_many_parameters()
    if any(name == "access_token" for name, _ in parameters):
        raise outcomes.invalid_request("An access token is taken from the Authorization header only.")
    return parameters


_FAULTS: Final[Mapping[BodyFault, Callable[[], OutcomeError]]] = {
    BodyFault.MEDIA_TYPE: outcomes.unsupported_media_type,
    BodyFault.SIZE: outcomes.too_large,
    BodyFault.ENCODING: lambda: outcomes.invalid_request("The body is not valid base64."),
    BodyFault.CHARSET: lambda: outcomes.not_utf8("form"),
    BodyFault.FORM: lambda: outcomes.invalid_request("The body is not a valid form."),
}


def form_of(request: Request) -> Parameters:
    """Return the parameters in the form of a posted search; raises the outcomes 400, 413 and 415."""
    try:
        return request.form(max_bytes=_LARGEST_BODY, max_parameters=_MAX_PARAMETERS)
    except BodyError as error:
        raise _FAULTS[error.fault]() from None


def _posted(request: Request) -> Parameters:
    """Return the parameters that an operation is posted with; raises the outcomes 400, 413 and 415."""
    if not request.encoded_body:
        return []
    format_ = body_format(request.headers.get("content-type", ""))
    if format_ is None:
        raise outcomes.unsupported_parameters()
    try:
        data = request.body()
        if len(data) > _LARGEST_BODY:
            raise outcomes.too_large()
        return posted_parameters(data, format_)
    except BodyError as error:
        raise _FAULTS[error.fault]() from None
    except ParametersError:
        text = "The body has to be Parameters, each a name with one simple value."
        raise outcomes.invalid_request(text) from None
