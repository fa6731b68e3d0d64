"""The outcomes that refuse a Bundle or its entry as such, each a named constructor with a fixed text (`bundles.md`)."""

from collections.abc import Sequence

from careconnect.fhir import outcomes
from careconnect.fhir.outcomes import Issue, OutcomeError
from careconnect.fhir.request import MAX_BUNDLE_ENTRIES, MAX_BUNDLE_MEGABYTES
from record_writer.refusals import exceeding


def no_bundle() -> OutcomeError:
    """Return 400 for a resource of another type."""
    text = "The body has to be a Bundle. One resource is sent to its type, such as POST /Patient."
    return OutcomeError(400, "structure", text, where="resourceType")


def another_type() -> OutcomeError:
    """Return 400 for a Bundle of a type that is not processed."""
    text = (
        "A Bundle that is sent here is a batch or a transaction: to store what another holds, send each resource as an "
        "entry with a request."
    )
    return OutcomeError(400, "value", text, where="Bundle.type")


def too_large() -> OutcomeError:
    """Return 413 for a body over the limit."""
    return OutcomeError(413, "too-long", f"A Bundle is at most {MAX_BUNDLE_MEGABYTES} MB as it is sent: send several.")


def too_many_entries() -> OutcomeError:
    """Return 413 for more entries than one request may hold."""
    return OutcomeError(
        413, "too-long", f"A Bundle has at most {MAX_BUNDLE_ENTRIES} entries: send several.", where="Bundle.entry"
    )


def too_costly(units: int, most: int) -> OutcomeError:
    """Return 422 for entries that cost more than the quota that one request may owe."""
    return OutcomeError(422, "too-costly", exceeding(units, most, "fewer entries"))


def faulty(issues: Sequence[Issue]) -> OutcomeError:
    """Return 400 for a Bundle with at least one fault of its own, not of its entries' resources."""
    first = issues[0]
    error = OutcomeError(400, first.code, first.diagnostics, where=first.expression)
    error.issues = tuple(issues)
    return error


def another_server() -> OutcomeError:
    """Return 400 for an entry with an absolute URL of another server, or of none."""
    text = "An entry's URL is below this FHIR base: a path such as Patient/4 or Patient?name=x, or the whole URL."
    return OutcomeError(400, "structure", text)


def not_in_a_bundle() -> OutcomeError:
    """Return 404 for an entry with a path that only a single request may have."""
    return outcomes.not_supported("That is not offered in a Bundle: send it by itself.")


def method_not_in_a_bundle() -> OutcomeError:
    """Return 405 for an entry with a method that STU3 has not for entries (value set `http-verb`)."""
    text = "An entry's method is GET, POST, PUT or DELETE: send another by itself."
    return OutcomeError(405, "not-supported", text)


def operation_in_a_transaction() -> OutcomeError:
    """Return 405 for an entry of a transaction that is an operation, such as `$validate`."""
    return OutcomeError(405, "not-supported", "A transaction takes no operation: send it by itself, or in a batch.")


def no_time_left() -> OutcomeError:
    """Return 503 for an entry that was not begun, because those before it took all of the request's time."""
    return OutcomeError(
        503,
        "transient",
        "Not begun: the entries before took all the time of one request. Send the rest again.",
        reason="no time left",
    )


def no_room_left() -> OutcomeError:
    """Return 413 for a read with a result that no longer fits into the answer."""
    return OutcomeError(413, "too-long", "The answer has no room left: ask for this by itself, or in a smaller Bundle.")
