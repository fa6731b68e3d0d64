"""A batch of the stream becomes one immutable object, and any break of the trail is reported at once."""

import base64
import gzip
import json
import tracemalloc
from collections.abc import Callable
from threading import Barrier
from typing import Any

import pytest
from botocore.exceptions import ClientError

from audit_archiver.archived_batch import BatchKey, unpack
from audit_archiver.jobs import JobError
from audit_archiver.s3_archive import S3Archive
from audit_archiver.stream_record import digest_of, record_of_event
from careconnect.audit.event import Action, AuditEvent, event_id
from careconnect_testing.aws.altered import Altered
from careconnect_testing.http.events import event, event_names
from careconnect_testing.parts.archived_trail import AUDIT_TABLE, BUCKET, DAY, MINUTE, NOON, ArchivedTrail
from careconnect_testing.stacks.whole_template import whole_template


def lines(body: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(body).splitlines()]


@pytest.mark.parametrize("name", event_names("ArchiverFunction"))
def test_the_archiver_archives_its_events(trail: ArchivedTrail, name: str) -> None:
    trail.retention_days = 90
    sent = event(name)

    trail.archiver(sent)

    ((key, body),) = trail.objects().items()
    assert key.startswith("2026-03-26/12/1774526400000-1774526401000-")
    assert trail.observer.counts == []
    inserted, removed = lines(body)
    assert inserted["new"] == sent["Records"][0]["dynamodb"]["NewImage"]
    assert (inserted["time"], inserted["sequence"]) == (1774526400000, "111700000000032615648161")
    assert (inserted["event"], inserted["old"], inserted["principal"]) == ("INSERT", None, "")
    assert (removed["event"], removed["new"], removed["principal"]) == ("REMOVE", None, "dynamodb.amazonaws.com")
    image = sent["Records"][1]["dynamodb"]["OldImage"]
    assert removed["old"] == {name: image[name] for name in ("pk", "sk", "expires_at")}


def test_an_object_is_read_back_as_it_was_put(trail: ArchivedTrail) -> None:
    records = [trail.put(age)[1] for age in (MINUTE, 0)]
    trail.deliver(*records)

    ((text, body),) = trail.objects().items()
    key = BatchKey.of(text)

    assert key is not None
    assert unpack(key, body) == [record_of_event(each) for each in records]
    assert (key.first, key.last) == (NOON - MINUTE, NOON)


def test_the_largest_batch_is_one_object_within_half_of_the_functions_memory(trail: ArchivedTrail) -> None:
    template = whole_template()
    mapping = template["Resources"]["ArchiverMapping"]["Properties"]
    memory = template["Resources"]["ArchiverFunction"]["Properties"].get(
        "MemorySize", template["Globals"]["Function"]["MemorySize"]
    )
    ids: dict[str, Any] = {
        name: f"{number}" * 36 for number, name in enumerate(("client_id", "subject", "jti", "request_id"))
    }
    items = [
        AuditEvent(
            id=event_id(NOON, f"{number:032x}"), action=Action.READ, interaction="read", query="q" * 650, **ids
        ).item(90)
        for number in range(mapping["BatchSize"])
    ]
    records = [trail.streamed("INSERT", None, item) for item in items]
    assert len(json.dumps(records)) > 4_000_000

    tracemalloc.start()
    try:
        trail.deliver(*records)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    ((_, body),) = trail.objects().items()
    assert [line["new"] for line in lines(body)] == items
    assert peak < memory * 2**20 / 2


def test_an_event_of_a_former_release_which_repeats_its_time_is_archived_and_verified(trail: ArchivedTrail) -> None:
    stored, _ = trail.put(MINUTE)
    item = {**trail.item(stored), "at": {"N": str(NOON - MINUTE)}}
    trail.dynamodb.put_item(TableName=AUDIT_TABLE, Item=item)

    trail.deliver(trail.streamed("INSERT", None, item, NOON - MINUTE))

    verdict = trail.verify()
    assert (verdict.archived, list(verdict.findings)) == (1, [])


def test_objects_are_read_side_by_side_and_given_in_the_order_of_their_keys(trail: ArchivedTrail) -> None:
    """A night's run has no time to wait for ten thousand objects one after another."""
    stored = [trail.stored(age * MINUTE)[0] for age in range(8, 0, -1)]
    together = Barrier(8, timeout=30)

    def get(real: Callable[..., Any], request: dict[str, Any]) -> Any:
        together.wait()
        return real(**request)

    archive = S3Archive(Altered(trail.s3, get_object=get), BUCKET)  # type: ignore[arg-type]
    read = [record.sort_key for _, records in archive.batches(NOON - 10 * MINUTE, NOON) for record in records or ()]

    assert read == stored


def test_a_batch_that_is_tried_again_makes_no_second_object(trail: ArchivedTrail) -> None:
    _, record = trail.put()
    trail.deliver(record)
    trail.deliver(record)

    assert len(trail.s3.list_object_versions(Bucket=BUCKET)["Versions"]) == 1
    assert trail.observer.failures == []


def test_an_object_is_locked_from_when_it_is_put(trail: ArchivedTrail) -> None:
    trail.stored()
    ((key, _),) = trail.objects().items()
    (version,) = trail.s3.list_object_versions(Bucket=BUCKET)["Versions"]

    with pytest.raises(ClientError, match="AccessDenied"):
        trail.s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"], BypassGovernanceRetention=True)


def test_a_batch_that_cannot_be_put_fails_whole_and_tells_no_value(trail: ArchivedTrail) -> None:
    _, record = trail.put()
    for version in trail.s3.list_object_versions(Bucket=BUCKET).get("Versions", ()):
        trail.s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
    trail.s3.delete_bucket(Bucket=BUCKET)

    with pytest.raises(JobError, match=r"^NoSuchBucket$") as failed:
        trail.deliver(record)

    assert failed.value.__cause__ is None
    assert len(trail.observer.failures) == 1


def test_a_record_that_is_malformed_fails_the_batch(trail: ArchivedTrail) -> None:
    _, record = trail.put()
    with pytest.raises(JobError, match=r"^KeyError$"):
        trail.deliver(record, {"eventName": "INSERT", "dynamodb": {}})

    assert trail.objects() == {}


def test_a_change_and_a_removal_raise_the_metric_from_the_stream(trail: ArchivedTrail) -> None:
    changed, removed, _ = trail.stored(MINUTE, MINUTE, MINUTE)
    trail.observer.clear()

    trail.deliver(trail.change(changed, client="somebody-else"), trail.remove(removed))

    assert trail.observer.counts == ["AuditTrailBroken"]
    told = [(line["ids"]["audit_event"], line["reason"]) for line in trail.observer.lines if line["status"] == 500]
    assert told == [(changed, "changed"), (removed, "removed")]


def test_what_breaks_the_trail_is_reported_though_it_cannot_be_archived(trail: ArchivedTrail) -> None:
    (removed,) = trail.stored()
    record = trail.remove(removed)
    trail.s3 = None

    with pytest.raises(JobError):
        trail.deliver(record)

    assert trail.observer.counts == ["AuditTrailBroken"]


def test_what_is_no_event_is_not_archived_but_a_change_of_it_is_reported(trail: ArchivedTrail) -> None:
    key = {"pk": {"S": "$cursor"}, "sk": {"S": "$cursor"}, "key": {"B": base64.b64encode(b"k" * 32).decode()}}

    trail.deliver(trail.streamed("INSERT", None, key))
    assert (trail.objects(), trail.observer.counts) == ({}, [])

    trail.deliver(trail.streamed("MODIFY", key, {**key, "key": {"B": ""}}))
    assert (trail.objects(), trail.observer.counts) == ({}, ["AuditTrailBroken"])
    assert trail.observer.lines[-1]["ids"]["audit_event"] == "none"


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"no gzip", id="no gzip"),
        pytest.param(gzip.compress(b"{}\n")[:10] + b"\xff" * 20, id="no deflated block"),
        pytest.param(gzip.compress(b"{}\n"), id="another content"),
        pytest.param(b"", id="empty"),
    ],
)
def test_an_object_is_believed_only_if_its_key_says_what_it_holds(body: bytes) -> None:
    assert unpack(BatchKey(NOON, NOON, "0" * 64), body) is None


@pytest.mark.parametrize(
    "text",
    [
        "junk",
        f"{DAY}/12/{NOON}-{NOON}-{'0' * 64}.ndjson",
        f"2026-03-27/12/{NOON}-{NOON}-{'0' * 64}.ndjson.gz",
        f"{DAY}/12/{NOON}-{NOON}-{'0' * 63}.ndjson.gz",
        f"{DAY}/13/{NOON}-{NOON}-{'0' * 64}.ndjson.gz",
    ],
)
def test_a_key_of_another_form_is_none_of_the_archivers(text: str) -> None:
    assert BatchKey.of(text) is None


def test_an_item_has_one_digest_whether_the_stream_or_the_table_tells_it() -> None:
    streamed = {"a": {"B": base64.b64encode(b"\x00\x01").decode()}, "b": {"SS": ["y", "x"]}, "c": {"L": [{"N": "1"}]}}
    stored = {"c": {"L": [{"N": "1"}]}, "b": {"SS": ["x", "y"]}, "a": {"B": b"\x00\x01"}}

    assert digest_of(streamed) == digest_of(stored)
    assert digest_of(stored) != digest_of({**stored, "c": {"L": [{"S": "1"}]}})
