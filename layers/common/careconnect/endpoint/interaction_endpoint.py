"""The prologue of every FHIR interaction: caller, path, row of the table, audit facts, letters; then its handler."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Container, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from careconnect.audit.event import Action
from careconnect.audit.facts import Facts
from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.interactions import OF_NO_TYPE, Interaction, Shape
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.refused_method import refused_method
from careconnect.fhir.request import FhirPath, parse_path
from careconnect.fhir.resource_types import SERVED_TYPES, ResourceType, Table, resource_type
from careconnect.http.messages import Request, Response
from careconnect.oauth.caller import Caller, caller_of
from careconnect.oauth.scopes import Letter
from careconnect.storage.quota import UNITS_PER_EVENT, Quota


@dataclass(frozen=True, slots=True)
class Requested:
    """An interaction that a client requested, and for which its token has the letters."""

    context: RequestContext
    caller: Caller
    path: FhirPath
    interaction: Interaction

    @property
    def request(self) -> Request:
        """The HTTP request."""
        return self.context.request

    def turned_into(self, interaction: Interaction) -> "Requested":
        """Return the request as the interaction that its body asks for, after which log and audit trail name it."""
        self.context.action = interaction.name
        self.context.recorder.facts = facts_of(self.path, interaction)
        return replace(self, interaction=interaction)


Handler = Callable[[Any, Requested], Response]
"""A method of an endpoint that answers an interaction; raises `OutcomeError`."""


class InteractionEndpoint(OutcomeEndpoint):
    """An endpoint that answers rows of the table of interactions by its `handlers`, for types of `table`."""

    __slots__ = ()
    handlers: ClassVar[Mapping[Interaction, Handler]]
    table: Table

    @property
    @abstractmethod
    def client_quota(self) -> Quota | None:
        """The quota of the clients, which pays for the events of a refusal that names several patients, too.

        None if requests cost nothing, and name no patient.
        """

    def answer(self, context: RequestContext) -> Response:
        """Return the response to an interaction; raises `OutcomeError`."""
        request = context.request
        caller = caller_of(request.authorizer, context.now)
        context.client_id = caller.client_id
        context.recorder.which_exist = self.which_exist
        if caller.jkt and context.share is None:
            self._require_proof(context, caller)
        # Only now: who has a bound token without its key uses up nothing of its client's quota.
        if quota := self.client_quota:
            context.recorder.charge_refusal = lambda events: quota.consume_events(caller.client_id, events, context.now)
            context.recorder.owe = lambda events: quota.owe(caller.client_id, events * UNITS_PER_EVENT, context.now)
        path, interaction = self._named(context)
        requested = permitted(context, caller, path, interaction)
        return self.handlers[requested.interaction](self, requested)

    def _require_proof(self, context: RequestContext, caller: Caller) -> None:
        """Judge the proof of a request with a bound token; raises the outcomes 401 and 503.

        The event of a refusal is of the patient that the path names.
        """
        try:
            if context.proofs is None:
                raise outcomes.unavailable("no table of proofs")
            context.proofs.require(context, caller)
        except OutcomeError:
            with suppress(OutcomeError):
                self._named(context)
            raise

    def _named(self, context: RequestContext) -> tuple[FhirPath, Interaction | None]:
        """Return the path and the interaction of a request, and name them to the log and the audit trail.

        Raises the outcomes of `path_of`.
        """
        path = self.path_of(context.request)
        interaction = interaction_of(path, context.request, self.handlers)
        context.recorder.facts = facts_of(path, interaction)
        if interaction is not None:
            context.action = f"{path.type.name}.{interaction.name}" if path.type.name else interaction.name
        return path, interaction

    @abstractmethod
    def which_exist(self, keys: Collection[str]) -> Collection[str]:
        """Return those keys of resources that there are or were, as far as the endpoint can look them up."""

    def path_of(self, request: Request) -> FhirPath:
        """Return the path of a request; raises the outcomes 404, also for one of another function, and 400."""
        path = parse_path(request.path)
        if path.is_export or path.type.table is not self.table:
            raise outcomes.not_supported()
        return path


StoredKeys = Callable[[Collection[tuple[ResourceType, str]]], Collection[str]]
"""Returns the keys of those resources that there are or were; raises `OutcomeError`."""


def stored_among(keys: Collection[str], tables: Collection[Table], stored_keys: StoredKeys) -> Collection[str]:
    """Return those keys of resources that one of `tables` has or had."""
    parts = [(resource_type(type_name), id_) for type_name, _, id_ in (key.partition("/") for key in keys)]
    sought = [(type_, id_) for type_, id_ in parts if type_ and type_.table in tables]
    return stored_keys(sought) if sought else ()


def interaction_of(path: FhirPath, request: Request, rows: Container[Interaction]) -> Interaction | None:
    """Return the interaction of a request, None if the path does not take its method or it is none of `rows`."""
    interaction = path.interaction(request.method, request.headers)
    return interaction if interaction in rows else None


def facts_of(path: FhirPath, interaction: Interaction | None) -> Facts:
    """Return the facts of a request that its path and its method tell; None is a method that the path does not take."""
    target, named = tuple(filter(None, (path.target,))), tuple(filter(None, (path.patient,)))
    if interaction is None:
        return Facts(type=path.type.name, ids=target, patients=named)
    return Facts(interaction.code, Action(interaction.action), path.type.name, target, patients=named)


def permitted(context: RequestContext, caller: Caller, path: FhirPath, interaction: Interaction | None) -> Requested:
    """Return a requested interaction; raises the outcomes 405 if there is none, and 403 if the token lacks a letter."""
    if interaction is None:
        raise refused_method(path, context.request.method)
    _require_letters(caller, path, interaction)
    return Requested(context, caller, path, interaction)


_READS_ALONE: Final = "A token that only reads reaches no function that writes: send its reads one by one."


def _require_letters(caller: Caller, path: FhirPath, interaction: Interaction) -> None:
    """Raise the 403 outcome, which names the first missing scope, unless the token has the letters of a row.

    A condition finds a resource by what a scope's suffix does not ask for: it takes its letters without one.
    """
    if interaction.condition and any(caller.limits(path.type, letter) for letter in map(Letter, interaction.letters)):
        caller.require_unlimited(path.type, *map(Letter, reversed(interaction.letters)))
    types = SERVED_TYPES if path.shape in OF_NO_TYPE else (path.type,)
    choices = [tuple(map(Letter, letters)) for letters in interaction.letters.split("|")]
    if any(all(caller.may(each, letter) for letter in letters) for letters in choices for each in types):
        return
    if path.is_export:
        raise outcomes.insufficient_scope(f"system/{path.type.name or '*'}.{interaction.letters}")
    if path.shape is Shape.BASE:
        needed = f"{'patient' if caller.patient else 'user'}/*.{choices[0][0]}"
        raise outcomes.insufficient_scope(needed, _READS_ALONE)
    caller.require(path.type, *choices[0])
