"""Refuse the entries that no reader or writer may answer: of another server, or not offered in a Bundle."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from bundle_processor import refusals
from careconnect.endpoint.fhir_endpoint import OutcomeEndpoint
from careconnect.endpoint.interaction_endpoint import StoredKeys, facts_of, stored_among
from careconnect.endpoint.pipeline import RequestContext
from careconnect.fhir import outcomes
from careconnect.fhir.interactions import KICK_OFF
from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.request import parse_path
from careconnect.fhir.resource_types import DATA_TABLES, served_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.http.messages import Request, Response
from careconnect.oauth.caller import caller_of

MAX_PARAMETERS: Final = 1_000
METHODS: Final = ("GET", "POST", "PUT", "DELETE")
"""The methods of STU3's value set `http-verb`."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
"""The beginning of an absolute URL (RFC 3986 §4.2: no relative one has a colon in its first segment)."""


_ALONE: Final = ("", "metadata", ".well-known", KICK_OFF.operation)
"""What is below the FHIR base besides types, by its first segment; the first is the base itself."""


def is_absolute(url: str) -> bool:
    """Return True if a URL is no path below the FHIR base."""
    return _SCHEME.match(url) is not None


def refusal_of(request: Request) -> OutcomeError | None:
    """Return the outcome of an entry's request that neither reader nor writer may answer, None for any other."""
    if is_absolute(request.path):
        return refusals.another_server()
    name, *below = map(unquote, request.path.removeprefix(f"{FHIR_PATH}/").split("/"))
    type_ = served_type(name)
    if name in _ALONE or below == [KICK_OFF.operation] or (type_ and type_.table not in DATA_TABLES):
        return refusals.not_in_a_bundle()
    if request.method not in METHODS:
        return refusals.method_not_in_a_bundle()
    if len(request.query) > MAX_PARAMETERS:
        return outcomes.too_many_parameters()
    return None


@dataclass(frozen=True, slots=True)
class RefusedEntries(OutcomeEndpoint):
    """The endpoint of these entries: it answers each with its refusal."""

    stored_keys: StoredKeys

    def answer(self, context: RequestContext) -> Response:
        """Raise the outcome of an entry's request that neither reader nor writer may answer."""
        context.client_id = caller_of(context.request.authorizer, context.now).client_id
        context.recorder.which_exist = lambda keys: stored_among(keys, DATA_TABLES, self.stored_keys)
        with suppress(OutcomeError):
            # A path that there is says of whom the event is.
            context.recorder.facts = facts_of(parse_path(context.request.path), None)
        raise refusal_of(context.request) or outcomes.not_supported()
