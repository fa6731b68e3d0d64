"""Record AWS responses and replay them where botocore hands a request to the network."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from botocore.httpsession import URLLib3Session

# Replaced for the whole process, which does nothing else.
_SESSION: Final[Any] = URLLib3Session
_INSERT: Final = "BatchExecuteStatement"


class Wire:
    """The responses to reads, by request. Inserts of audit events are accepted: each has a new id."""

    def __init__(self, responses: Iterable[Sequence[Any]] = ()) -> None:
        self._answers = {
            (target, body): (status, headers, content.encode()) for target, body, status, headers, content in responses
        }
        self._real = _SESSION.send

    def responses(self) -> list[Sequence[Any]]:
        """Return the responses in a form that JSON can hold, for another process."""
        return [
            (*asked, status, headers, content.decode()) for asked, (status, headers, content) in self._answers.items()
        ]

    @contextmanager
    def learning(self) -> Iterator[None]:
        """Record the responses within the block."""

        def send(session: URLLib3Session, request: Any) -> Any:
            given = self._real(session, request)
            self._answers[_asked(request)] = (given.status_code, dict(given.headers), given.content)
            return given

        _SESSION.send = send
        try:
            yield
        finally:
            _SESSION.send = self._real

    def answer(self) -> None:
        """Replay the recorded responses from now on, without a network."""

        def send(_session: URLLib3Session, request: Any) -> Any:
            target, body = _asked(request)
            if target.endswith(_INSERT):
                inserted = json.dumps({"Responses": [{} for _ in json.loads(body)["Statements"]]}).encode()
                status, headers, content = 200, dict[str, str](), inserted
            else:
                status, headers, content = self._answers[target, body]
            given: Any = AWSResponse(request.url, status, headers, None)  # type: ignore[arg-type]
            # Content that would be read from a connection.
            given._content = content
            return given

        _SESSION.send = send


def _asked(request: Any) -> tuple[str, str]:
    target = request.headers["X-Amz-Target"]
    return target.decode() if isinstance(target, bytes) else str(target), bytes(request.body).decode()
