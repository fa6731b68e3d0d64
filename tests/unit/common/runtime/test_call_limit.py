"""No call of AWS begins that would outlive the answer to its request."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.config import Config

from careconnect.runtime import aws
from careconnect.runtime.call_limit import CALL_LIMIT, CALL_SECONDS, SETTLE_SECONDS, CallLimit
from careconnect_testing.parts.clock import Clock
from record_writer.write_resources import COMMIT_SECONDS


def test_a_request_may_call_until_it_has_no_time_left_and_the_next_one_anew() -> None:
    clock = Clock(100.0)
    limit = CallLimit(clock)
    over = [limit.is_over]

    with limit.of_request(waited=4.0):
        clock.now += CALL_SECONDS - 4
        over.append(limit.is_over)
        clock.now += 0.1
        over.append(limit.is_over)
    over.append(limit.is_over)
    with limit.of_request(waited=0.0):
        over.append(limit.is_over)

    assert over == [False, False, True, False, False]


def test_no_write_commits_once_what_was_stamped_before_has_settled() -> None:
    config: Any = aws._CONFIG
    longest = config.connect_timeout + config.read_timeout

    assert COMMIT_SECONDS <= CALL_SECONDS
    assert CALL_SECONDS + longest <= SETTLE_SECONDS <= 30


@contextmanager
def silent_server() -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port of a server that never answers, and what it was sent."""
    received: list[bytes] = []
    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                kept.append(connection)
                received.append(connection.recv(100_000))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], received
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)
    for each in kept:
        each.close()


def test_neither_a_call_nor_its_second_attempt_is_sent_without_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    with silent_server() as (port, received):
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{port}")
        monkeypatch.setattr(aws, "_CONFIG", aws._CONFIG.merge(Config(read_timeout=0.2)))
        client = aws.dynamodb()

        with CALL_LIMIT.of_request(CALL_SECONDS + 1), pytest.raises(aws.NoTimeLeftError):
            client.get_item(TableName="t", Key={"pk": {"S": "x"}})
        assert received == []
        began = time.monotonic()
        # Only the first attempt begins in time.
        with CALL_LIMIT.of_request(CALL_SECONDS - 0.1), pytest.raises(aws.NoTimeLeftError) as raised:
            client.get_item(TableName="t", Key={"pk": {"S": "x"}})
        assert len(received) == 1
        assert time.monotonic() - began < 3

    assert isinstance(raised.value, aws.SERVICE_ERRORS)
