"""`AuditEvent`, the access record in FHIR: a call in, the answer of one use case out, errors as OperationOutcomes."""

from dataclasses import dataclass, replace

from careconnect import outcomes
from careconnect.caller import caller_of
from careconnect.formats import error_response
from careconnect.http import Response, last_value
from careconnect.refusal import RefusalError
from careconnect.shell import Call


@dataclass(frozen=True, slots=True)
class AuditEndpoint:
    """What the deployed function is made of."""

    def answer(self, call: Call) -> Response:
        """Answer a read or a search; raises `OutcomeError`."""
        caller = caller_of(call.request.authorizer, call.now)
        call.client_id = caller.client_id
        raise outcomes.not_supported()

    def refuse(self, error: RefusalError, call: Call, /) -> Response:
        """Render an error as an OperationOutcome in the format asked for."""
        request = call.request
        response = error_response(error, last_value(request.query, "_format"), request.headers.get("accept", ""))
        return replace(response, headers={**response.headers, "Cache-Control": "no-store"})

    def internal(self) -> RefusalError:
        """Return the fixed 500."""
        return outcomes.internal()

    def around_the_front(self) -> RefusalError:
        """Return the fixed 403."""
        return outcomes.around_the_front()

    def unrecorded(self, reason: str) -> RefusalError:
        """Return the 503 for a request whose event could not be kept."""
        return outcomes.unavailable(reason)
