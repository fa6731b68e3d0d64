"""A client's requests about a bulk export, repeated for as long as the service asks to wait."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeVar

import httpx

from careconnect_admin.clients.fhir_request import JSON, own_url, refusal
from careconnect_admin.clients.token_request import check_safe
from careconnect_admin.clients.token_use import TokenUse
from careconnect_admin.errors import OperatorError

Answer = TypeVar("Answer")

_BUSY: Final = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
_PAUSES: Final = (1, 2, 4, 8, 16, 30, 60, 60, 60)
"""Seconds to wait before each repetition, where the service names no time."""

_LONGEST_WAIT: Final = 300
_NDJSON: Final = "application/fhir+ndjson"


class BusyError(OperatorError):
    """The service asks to wait; `seconds` if it says how long."""

    def __init__(self, text: str, seconds: int = 0) -> None:
        super().__init__(text)
        self.seconds = seconds


class JobEndedError(OperatorError):
    """There is no such job (any more), or it failed."""


@dataclass(frozen=True, slots=True)
class Status:
    """What a job is at: the manifest once it is complete, else its progress and the seconds to wait."""

    manifest: bytes = b""
    progress: str = ""
    wait: int = 1


class RenewedToken:
    """An access token that is asked for again before it expires; `ask` returns the response of the token endpoint."""

    def __init__(self, ask: Callable[[], Mapping[str, Any]], *, clock: Callable[[], float]) -> None:
        self._ask = ask
        self._clock = clock
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at = 0.0

    def __call__(self) -> str:
        """Return a token that is valid for a while; raises `OperatorError`."""
        with self._lock:
            now = self._clock()
            if now >= self._renew_at:
                answer = self._ask()
                # A quarter is left to a request that takes long.
                self._renew_at = now + 0.75 * float(answer["expires_in"])
                self._token = answer["access_token"]
            return self._token


@dataclass(frozen=True)
class JobRequests:
    """Requests of the service `root` by a client; `tell` gets a text before each wait."""

    root: str
    token: Callable[[], str]
    http: httpx.Client
    use: TokenUse
    tell: Callable[[str], None]
    sleep: Callable[[float], None]

    def kick_off(self, path: str, parameters: Sequence[tuple[str, str]]) -> str:
        """Start a job and return its URL; raises `OperatorError`.

        A request whose answer is lost is not repeated: it may have started a job.
        """
        headers = {"Accept": JSON, "Prefer": "respond-async"}
        url = own_url(self.root, path, parameters)

        def attempt() -> httpx.Response:
            try:
                return self._sent("GET", url, headers)
            except httpx.TransportError as error:
                raise OperatorError(
                    f"no answer to the kick-off ({type(error).__name__}), which may have started a job: try again"
                ) from None

        answer = self._patiently(attempt)
        if answer.status_code != HTTPStatus.ACCEPTED or "Content-Location" not in answer.headers:
            raise OperatorError(refusal(answer))
        return own_url(self.root, answer.headers["Content-Location"])

    def status(self, job: str) -> Status:
        """Return what a job is at; raises `OperatorError`, which is `JobEndedError` if it failed or is not there."""
        answer = self._patiently(lambda: self._sent("GET", job, {"Accept": "application/json"}))
        if answer.status_code == HTTPStatus.OK:
            return Status(manifest=answer.content)
        if answer.status_code == HTTPStatus.ACCEPTED:
            return Status(progress=answer.headers.get("X-Progress", ""), wait=max(1, _retry_after(answer)))
        ended = answer.status_code in {HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR}
        raise (JobEndedError if ended else OperatorError)(refusal(answer))

    def download(self, url: str, write: Callable[[Iterator[bytes]], None]) -> None:
        """Give a file's bytes to `write`, from the beginning again after an interruption; raises `OperatorError`."""

        def attempt() -> None:
            answer = self._sent("GET", url, {"Accept": _NDJSON}, stream=True)
            try:
                if answer.status_code != HTTPStatus.OK:
                    raise OperatorError(refusal(answer))
                write(answer.iter_bytes())
            finally:
                answer.close()

        self._patiently(attempt)

    def delete(self, job: str) -> None:
        """Delete a job and its files; also one that is no longer there. Raises `OperatorError`."""
        answer = self._patiently(lambda: self._sent("DELETE", job, {"Accept": JSON}))
        if answer.status_code not in {HTTPStatus.ACCEPTED, HTTPStatus.NOT_FOUND}:
            raise OperatorError(refusal(answer))

    def _patiently(self, attempt: Callable[[], Answer]) -> Answer:
        for pause in _PAUSES:
            try:
                return attempt()
            except BusyError as busy:
                wait = min(busy.seconds or pause, _LONGEST_WAIT)
                self.tell(f"{busy}: waiting {wait} s")
            except (httpx.TransportError, httpx.DecodingError) as error:
                wait = pause
                self.tell(f"The connection failed ({type(error).__name__}): waiting {wait} s")
            self.sleep(wait)
        try:
            return attempt()
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise OperatorError(f"the service does not answer ({type(error).__name__})") from None

    def _sent(self, method: str, url: str, headers: Mapping[str, str], *, stream: bool = False) -> httpx.Response:
        """Return an answer, the body of a good one unread if `stream`; raises `BusyError`."""
        url = own_url(self.root, url)
        check_safe(url)
        token = self.token()

        def request(proof: Mapping[str, str]) -> httpx.Response:
            built = self.http.build_request(method, url, headers={**headers, **self.use.authorization(token), **proof})
            answer = self.http.send(built, stream=stream)
            if answer.status_code != HTTPStatus.OK:
                answer.read()
            return answer

        answer = self.use.send(method, url, request, token=token)
        if answer.status_code in _BUSY:
            raise BusyError(refusal(answer), _retry_after(answer))
        return answer


def _retry_after(answer: httpx.Response) -> int:
    given = answer.headers.get("Retry-After", "")
    return int(given) if given.isascii() and given.isdigit() else 0
