"""How a request is refused, in whatever words its endpoint uses."""

from collections.abc import Mapping


class RefusalError(Exception):
    """A request that ends in an error.

    `status`, `code`, `text` and `headers` are for the caller, all of them fixed, and so is `where`, the part of
    the request at fault; `reason` is for the log alone; `metrics` are counted.
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
        metrics: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reason or text)
        self.status = status
        self.code = code
        self.text = text
        self.headers = dict(headers or {})
        self.where = where
        self.reason = reason
        self.metrics = metrics
