"""A bulk export over HTTP whose workers' processes are killed again and again, beside writers: it holds the store."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from careconnect.storage.keys import is_body
from careconnect_admin.clients.demo import DemoClient
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.http.api import Api
from careconnect_testing.http.exports import BulkClient
from careconnect_testing.http.writes import WritingClient, observation, patient

pytestmark = [pytest.mark.integration, pytest.mark.long]

PATIENT = "killed-export"
PACKAGE = "export_worker"
WORKED = 0.5
"""Seconds for which a worker's process is at work before it is killed."""
KILLS = 6
WRITTEN = 12


def workers() -> Iterator[int]:
    """Yield the ids of the workers' processes: those below this one whose folder has the worker's package."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if (process / "cwd" / PACKAGE).is_dir() and os.getpid() in _ancestors(int(process.name)):
                yield int(process.name)
        except OSError:
            # It has ended meanwhile.
            continue


def _ancestors(process: int) -> Iterator[int]:
    while process > 1:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        process = int(fields[1])
        yield process


def test_an_export_holds_the_store_although_its_workers_are_killed(
    local_stack: LocalStack,
    http: httpx.Client,
    sample: Path,
    editor: DemoClient,
    bearer: Callable[[DemoClient], dict[str, str]],
) -> None:
    writing = WritingClient(http, bearer(editor)["Authorization"].removeprefix("Bearer "))
    assert writing.update({**patient(), "id": PATIENT}).status_code in (200, 201)
    client = BulkClient(http, Api(local_stack, http).register("killed-export-reader", "system/*.rs"))
    for deleted in ("before", "after"):
        assert writing.update({**observation(f"Patient/{PATIENT}"), "id": f"{PATIENT}-{deleted}"}).is_success
    assert writing.delete(f"Observation/{PATIENT}-before").is_success
    since = _now()
    assert writing.delete(f"Observation/{PATIENT}-after").is_success
    is_over = threading.Event()
    with ThreadPoolExecutor(3) as pool:
        writer = pool.submit(_write, writing, is_over)
        jobs = client.start(), client.start(f"$export?_since={since:%Y-%m-%dT%H:%M:%S.%fZ}")
        killer = pool.submit(_kill, is_over)
        try:
            answers = [each[-1] for each in pool.map(client.wait, jobs)]
        finally:
            is_over.set()
        killed, written = killer.result(), writer.result()
    assert [each.status_code for each in answers] == [200, 200]
    assert killed
    assert written

    for answer, begin in zip(answers, (0, _milliseconds(since)), strict=True):
        manifest = answer.json()
        newest = _newest(local_stack, _milliseconds(datetime.fromisoformat(manifest["transactionTime"])))
        changed = {key: text for key, (updated, text) in newest.items() if updated > begin}
        assert _lines(client, manifest["output"]) == {key: text for key, text in changed.items() if text}
        gone = {key for key, text in changed.items() if not text} if begin else set()
        assert _deleted(client, manifest["deleted"]) == gone
        assert not begin or f"Observation/{PATIENT}-after" in gone
    for job in jobs:
        assert client.ask(job, "DELETE").status_code == 202


def _now() -> datetime:
    """Return a time that no write before it or after it has, in whole milliseconds."""
    time.sleep(0.005)
    now = datetime.now(UTC)
    time.sleep(0.005)
    return now.replace(microsecond=now.microsecond // 1_000 * 1_000)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000)


def _lines(client: BulkClient, files: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return the lines of all files by type and id, each of which occurs once."""
    found: dict[str, str] = {}
    for file in files:
        lines = client.ask(file["url"]).text.removesuffix("\n").split("\n")
        assert len(lines) == file["count"]
        for line in lines:
            resource = json.loads(line)
            key = f"{resource['resourceType']}/{resource['id']}"
            assert key not in found
            found[key] = line
    return found


def _deleted(client: BulkClient, files: Sequence[Mapping[str, Any]]) -> set[str]:
    """Return type and id of what was deleted, each of which occurs once."""
    bundles = [json.loads(line) for file in files for line in client.ask(file["url"]).text.splitlines()]
    urls = [str(entry["request"]["url"]) for bundle in bundles for entry in bundle["entry"]]
    assert len(urls) == len(set(urls))
    return set(urls)


def _write(writing: WritingClient, is_over: threading.Event) -> int:
    """Create, change and delete resources until the export is over; return how many were written."""
    written = 0
    while not is_over.is_set():
        one = {**observation(f"Patient/{PATIENT}", valueString=str(written)), "id": f"{PATIENT}-{written % WRITTEN}"}
        is_deleted = written % 5 == 4
        answer = writing.delete(f"Observation/{one['id']}") if is_deleted else writing.update(one)
        written += answer.status_code in (200, 201, 204)
        time.sleep(0.1)
    return written


def _kill(is_over: threading.Event) -> int:
    """Kill workers that have been at work for a while; return how many."""
    seen: dict[int, float] = {}
    killed = 0
    while not is_over.is_set() and killed < KILLS:
        now = time.monotonic()
        for process in workers():
            if now - seen.setdefault(process, now) >= WORKED:
                os.kill(process, signal.SIGKILL)
                killed += 1
                del seen[process]
        is_over.wait(0.1)
    return killed


def _newest(stack: LocalStack, at: int) -> Mapping[str, tuple[int, str]]:
    """Return time and text of all resources at an instant, by type and id; of a deleted one, the text is empty."""
    newest: dict[str, tuple[int, str]] = {}
    for output in ("RecordTable", "DirectoryTable"):
        pages = stack.client("dynamodb").get_paginator("scan").paginate(TableName=stack.stack.outputs[output])
        for item in (each for page in pages for each in page["Items"] if is_body(each["sk"]["S"])):
            updated, key = int(item["updated"]["N"]), item["pk"]["S"]
            if updated <= at and updated > newest.get(key, (0, ""))[0]:
                newest[key] = (updated, _text_of(item))
    return newest


def _text_of(item: Mapping[str, Any]) -> str:
    return str(item["body"]["S"]) if "body" in item else ""
