"""How a request is refused, in whatever words its endpoint uses."""

from collections.abc import Mapping


class ApiError(Exception):
    """A request that ends in an error.

    `status`, `code`, `text` and `headers` are for the caller, all of them fixed, and so is `where`, the part of
    the request at fault; `reason` is for the log alone, and so is `claimed_client_id`, whose client a caller said to
    be without proving it: only ever the id of one that is registered. `metrics` are counted. `why` is the fixed word
    that the access record has for it, empty where the status says enough, and `patients` are those whose record was
    refused: for the access record alone.
    """

    def __init__(
        self,
        status: int,
        code: str,
        text: str,
        headers: Mapping[str, str] | None = None,
        *,
        where: str = "",
        reason: str = "",
        claimed_client_id: str = "",
        metrics: tuple[str, ...] = (),
        why: str = "",
        patients: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reason or text)
        self.status = status
        self.code = code
        self.text = text
        self.headers = dict(headers or {})
        self.where = where
        self.reason = reason
        self.claimed_client_id = claimed_client_id
        self.metrics = metrics
        self.why = why
        self.patients = patients
