"""The content of a log line (house trap: secrets, tokens, NHS numbers, query strings in logs)."""

import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from careconnect.runtime.observability import PowertoolsObserver

IDS = {"request_id": "r-1", "gateway_request_id": "g-1", "function_request_id": "f-1"}


def new_observer() -> PowertoolsObserver:
    """Make an observer in the test itself: Powertools keeps the standard output that it finds."""
    return PowertoolsObserver(f"service-{uuid.uuid4().hex}", namespace="CareConnect/test")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_a_request_line_holds_its_fields_and_no_empty_ones(capsys: pytest.CaptureFixture[str]) -> None:
    observer = new_observer()
    observer.request(
        "token",
        200,
        ids=IDS,
        client_id="c-1",
        milliseconds=7,
    )
    observer.request("token", 503, ids={"request_id": "r-2"}, reason="ThrottlingException")
    observer.request("token", 401, ids={"request_id": "r-3"}, claimed_client_id="c-1", reason="wrong secret")

    first, second, third = lines(capsys)
    assert (first["level"], second["level"]) == ("INFO", "ERROR")
    told = {"action": "token", "status": 200, **IDS, "client_id": "c-1", "milliseconds": 7}
    assert first == {"level": "INFO", "timestamp": first["timestamp"], **told}
    assert second["reason"] == "ThrottlingException"
    assert "client_id" not in second
    assert not {"claimed_client_id"} & (first.keys() | second.keys())
    assert (third["claimed_client_id"], "client_id" in third) == ("c-1", False)


def test_lambda_finds_the_time_of_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    # "level" and a "timestamp" of RFC 3339: without them Lambda takes the line for one of INFO, and adds a time.
    before = datetime.now(UTC)
    new_observer().request("token", 500, ids=IDS)

    (line,) = lines(capsys)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"])
    assert timedelta(milliseconds=-1) < datetime.fromisoformat(line["timestamp"]) - before < timedelta(minutes=1)


def test_a_failure_tells_places_and_neither_text_nor_values(capsys: pytest.CaptureFixture[str]) -> None:
    observer = new_observer()

    def inner(secret: str) -> None:
        raise ValueError(f"bad {secret}")

    try:
        inner("a-secret-value")
    except ValueError as error:
        observer.failure("token", error, ids=IDS)

    (line,) = lines(capsys)
    assert (line["level"], line["message"], line["error"]) == ("ERROR", "failure", "ValueError")
    assert {name: line[name] for name in IDS} == IDS
    assert any("inner" in place for place in line["places"])
    assert "a-secret-value" not in json.dumps(line)


def test_a_count_is_written_in_the_embedded_metric_format(capsys: pytest.CaptureFixture[str]) -> None:
    observer = new_observer()
    observer.count("SigningFailed")
    observer.count("SigningFailed")

    first, second = lines(capsys)
    assert first["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "CareConnect/test"
    assert (first["SigningFailed"], second["SigningFailed"]) == ([1.0], [1.0])


def test_an_id_cannot_take_another_fields_place(capsys: pytest.CaptureFixture[str]) -> None:
    new_observer().request("token", 200, ids={"action": "other", "status": "500"})

    (line,) = lines(capsys)
    assert (line["action"], line["status"]) == ("token", 200)
