"""Wait until a starting service answers."""

import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path

import httpx

from careconnect_admin.errors import OperatorError


class NotReadyError(OperatorError):
    """The deployed service does not answer; the text is for the operator."""


def wait_until_answered(
    url: str,
    is_running: Callable[[], bool],
    *,
    seconds: float,
    log_folder: Path,
    timeout: float = 30,
    pause: float = 0.2,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Wait until `url` answers 200 to a request with `headers`, as long as `is_running` returns True.

    One attempt takes at most `timeout` seconds, and the next one follows after `pause` seconds.

    Raises:
        NotReadyError: there was no such response in time, or its status will not change by waiting.
    """
    reason = "no answer"
    with httpx.Client(trust_env=False, timeout=timeout, headers=headers) as http:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and is_running():
            try:
                answer = http.get(url)
            except httpx.TransportError as error:
                reason = str(error)
            else:
                if answer.is_success:
                    return
                reason = f"{answer.status_code}: {answer.text[:500]}"
                if answer.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    break
            time.sleep(pause)
    raise NotReadyError(f"{url} does not answer 200 ({reason}): see {log_folder}")
