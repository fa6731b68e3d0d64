"""The audit trail of a deployed template: archived from its stream, tampered with by an administrator, verified."""

import gzip
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType, SimpleNamespace
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner, Result

from audit_archiver.check_heartbeat import SERVICE
from audit_archiver.days import start_of
from audit_archiver.retentions import HEARTBEAT
from careconnect.audit.dynamodb_store import DynamoDbAuditStore
from careconnect.audit.event import Action, AuditEvent, Outcome, day_of, event_key, new_event_id, time_of
from careconnect_admin.cli import app
from careconnect_admin.clients.demo import DemoClient, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.commands import audit as audit_command
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.parts.aged_trail import AgedTrail, many_days

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("archive")]

MINUTE = 60
HOUR = 60 * MINUTE
DAY_SECONDS = 24 * HOUR
WAIT = 60.0
_A_READ: Any = {"action": Action.READ, "interaction": "read", "patient": "9"}


class Trail:
    """The audit trail of a separate stack with its schedules off, so that each test decides when a check runs."""

    def __init__(self, stack: LocalStack) -> None:
        self.stack = stack
        self.dynamodb, self.s3 = stack.client("dynamodb"), stack.client("s3")
        self.table, self.bucket = stack.stack.outputs["AuditTable"], stack.stack.outputs["ArchiveBucket"]
        for rule in stack.client("events").list_rules()["Rules"]:
            stack.client("events").disable_rule(Name=rule["Name"])

    def put(self, age: float = 0) -> str:
        """Put an event dated `age` seconds ago, as a function may; return its id."""
        event_id = new_event_id(time.time() - age)
        record = DynamoDbAuditStore(self.stack.role_client("dynamodb", "RecordWriterFunction"), self.table)
        record.keep([AuditEvent(id=event_id, action=Action.READ, interaction="read", patient="4")])
        return event_id

    def change(self, event_id: str) -> None:
        """Change an event, as an administrator may."""
        self.dynamodb.update_item(
            TableName=self.table,
            Key=event_key(event_id),
            UpdateExpression="SET client = :client",
            ExpressionAttributeValues={":client": {"S": "somebody-else"}},
        )

    def remove(self, event_id: str) -> None:
        """Remove an event, as an administrator may."""
        self.dynamodb.delete_item(TableName=self.table, Key=event_key(event_id))

    def keys(self) -> list[str]:
        """Return the keys of the archive's objects."""
        return [each["Key"] for each in self.s3.list_object_versions(Bucket=self.bucket).get("Versions", ())]

    def wait_for_archive(self) -> None:
        """Wait until all that the stream has is archived: an event put now is the last of it."""
        marker, deadline = self.put(), time.monotonic() + WAIT
        while time.monotonic() < deadline:
            if marker in self.archived():
                return
            time.sleep(0.2)
        pytest.fail("the stream is not archived")

    def archived(self) -> str:
        """Return all that the archive holds."""
        bodies = (self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in self.keys())
        return b"".join(map(gzip.decompress, bodies)).decode()

    def invoke(self, **job: Any) -> None:
        """Have the verifier do a job, as its schedules do."""
        name = self.stack.stack.resources["VerifierFunction"]
        answer = self.stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps(job))
        assert "FunctionError" not in answer, answer["Payload"].read()

    def logged(self, function: str) -> list[Mapping[str, Any]]:
        """Return the lines that a function logged as JSON, its metrics included."""
        found = []
        for line in self.stack.function_log(function):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return [each for each in found if isinstance(each, dict)]

    def comes_true(self, holds: Callable[[], bool], *, is_cut: bool = False) -> bool:
        """Return True once something about the log holds: the emulator shows a late line with the next call."""
        deadline = time.monotonic() + WAIT
        while not holds():
            if time.monotonic() > deadline:
                return False
            if not is_cut:
                self.wait_for_archive()
            self.invoke()
        return True

    def printed(self, function: str) -> set[tuple[str, str]]:
        """Return the events that a function has named as broken, with why."""
        lines = (line for line in self.logged(function) if line.get("status") == 500)
        return {(str(line.get("audit_event", "")), str(line.get("reason"))) for line in lines}

    def counted(self, function: str, metric: str) -> int:
        """Return how often a function has counted a metric."""
        return sum(metric in line for line in self.logged(function))

    def audit(self, *arguments: str, without: Sequence[str] = (), **parameters: str) -> Result:
        """Run `careconnect audit …` on the stack, with parameters of its own and without some of its outputs."""
        stack = self.stack
        outputs = {name: value for name, value in stack.stack.outputs.items() if name not in without}
        target = StackTarget(
            stack.stack.name, outputs, stack.client, is_local=True, place="local", parameters=parameters
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("careconnect_admin.stack.target.stack_target", lambda *_: target)
            return CliRunner().invoke(app, ["audit", *arguments])

    def archive(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Have the archiver take a batch of stream records."""
        name = self.stack.stack.resources["ArchiverFunction"]
        answer = self.stack.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"Records": records}))
        assert "FunctionError" not in answer, answer["Payload"].read()

    def put_over(self, key: str) -> None:
        """Put another content over an object, as the archiver's role alone may; its code puts none over another."""
        body = gzip.decompress(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())
        forged = gzip.compress(body.replace(b'"client":{"S":"', b'"client":{"S":"not-'))
        role = self.stack.role_client("s3", "ArchiverFunction")
        role.put_object(Bucket=self.bucket, Key=key, Body=forged, ChecksumAlgorithm="SHA256")

    def verified(
        self, age: float = 0, day: str = "", parameters: Mapping[str, str] = MappingProxyType({})
    ) -> dict[str, Any]:
        """Verify a day, or that of the given age, by the command line; check the exit code, and return the verdict."""
        result = self.audit("verify", "--date", day or day_of_age(age), "--json", **parameters)
        (verdict,) = json.loads(result.stdout)
        assert result.exit_code == (0 if verdict["stands"] else 1)
        return {**verdict, "found": {(each["id"], each["fault"]) for each in verdict["findings"]}}

    def cut(self, *, is_cut: bool) -> None:
        """Cut the stream off from the archiver, or let it go on."""
        client = self.stack.client("lambda")
        (mapping,) = client.list_event_source_mappings()["EventSourceMappings"]
        client.update_event_source_mapping(UUID=mapping["UUID"], Enabled=not is_cut)


def day_of_age(age: float) -> str:
    return datetime.fromtimestamp(time.time() - age, UTC).date().isoformat()


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory, explorer: DemoClient) -> Iterator[Trail]:
    with LocalStack(log_folder=tmp_path_factory.mktemp("archived")) as stack:
        register((explorer,), DynamoDbClientRegistry(stack.client("dynamodb"), stack.stack.outputs["ClientTable"]))
        yield Trail(stack)


def test_requests_are_archived_and_stand(trail: Trail, explorer: DemoClient) -> None:
    with httpx.Client(base_url=trail.stack.base_url, timeout=30, trust_env=False) as http:
        asked = {"grant_type": "client_credentials"}
        token = http.post("/token", data=asked, auth=(explorer.client_id, explorer.secret)).json()["access_token"]
        bearer = {"Authorization": f"Bearer {token}", "X-Request-Id": "the-one-to-find"}
        assert http.get(f"{trail.stack.fhir_url}/Patient/nobody", headers=bearer).status_code == 404
    trail.wait_for_archive()

    listed = json.loads(trail.audit("--patient", "nobody", "--json").stdout)
    assert {(each["client_id"], each["request_id"]) for each in listed} == {(explorer.client_id, "the-one-to-find")}
    assert listed[0]["id"] in trail.archived()
    verdict = trail.verified()
    assert (verdict["stands"], verdict["archived"] >= 3) == (True, True)
    assert trail.printed("ArchiverFunction") == set()


def test_nobody_takes_anything_out_of_the_archive(trail: Trail) -> None:
    trail.wait_for_archive()
    version = trail.s3.list_object_versions(Bucket=trail.bucket)["Versions"][0]
    retention = trail.s3.get_object_retention(Bucket=trail.bucket, Key=version["Key"], VersionId=version["VersionId"])[
        "Retention"
    ]

    assert retention["Mode"] == "COMPLIANCE"
    with pytest.raises(ClientError, match="AccessDenied"):
        trail.s3.delete_object(Bucket=trail.bucket, Key=version["Key"], VersionId=version["VersionId"])
    for function in ("ArchiverFunction", "VerifierFunction", "AuditFunction"):
        with pytest.raises(ClientError, match="AccessDenied"):
            trail.stack.role_client("s3", function).delete_object(
                Bucket=trail.bucket, Key=version["Key"], VersionId=version["VersionId"]
            )


@pytest.mark.parametrize(
    ("tamper", "fault"), [(Trail.change, "changed"), (Trail.remove, "removed")], ids=["changed", "removed"]
)
def test_what_is_done_to_an_event_is_reported_by_the_stream_and_named(
    trail: Trail, tamper: Callable[[Trail, str], None], fault: str
) -> None:
    event_id, today = trail.put(), day_of_age(0)
    trail.wait_for_archive()
    assert (event_id, fault) not in trail.verified()["found"]
    before = trail.counted("ArchiverFunction", "AuditTrailBroken")

    tamper(trail, event_id)
    trail.wait_for_archive()

    assert trail.comes_true(lambda: (event_id, fault) in trail.printed("ArchiverFunction"))
    assert trail.comes_true(lambda: trail.counted("ArchiverFunction", "AuditTrailBroken") > before)
    assert trail.counted("ArchiverFunction", "AuditTrailBroken") == before + 1
    assert (event_id, fault) in trail.verified()["found"]
    assert f"  AuditEvent/{event_id} was {fault}\n" in trail.audit("verify", "--date", today).stdout
    trail.invoke(verify=today)
    assert trail.comes_true(lambda: (event_id, fault) in trail.printed("VerifierFunction"))
    assert trail.comes_true(lambda: trail.counted("VerifierFunction", "AuditTrailBroken") > 0)


def test_an_event_that_is_added_later_is_named_on_the_day_that_it_claims_and_on_its_own(trail: Trail) -> None:
    """A function's own rights are enough for this, so only the verification can detect it."""
    age = 26 * HOUR
    late = trail.put(age)
    trail.wait_for_archive()

    assert (late, "added later") in trail.verified()["found"]
    assert (late, "added later") in trail.verified(age)["found"]
    trail.invoke(verify=day_of_age(age))
    assert trail.comes_true(lambda: (late, "added later") in trail.printed("VerifierFunction"))


def test_an_event_that_is_added_while_the_stream_is_cut_is_named(trail: Trail) -> None:
    trail.wait_for_archive()
    trail.cut(is_cut=True)
    try:
        added, young = trail.put(11 * MINUTE), trail.put()
        verdict = trail.verified(11 * MINUTE)
        assert (added, "added") in verdict["found"]
        verdict = trail.verified()
        assert young not in {id_ for id_, _ in verdict["found"]}
        assert verdict["not_archived"] >= 1
    finally:
        trail.cut(is_cut=False)
    trail.wait_for_archive()

    # Its time of arrival is when it was put, not the time that it states.
    assert (added, "added later") in trail.verified(11 * MINUTE)["found"]
    assert trail.verified()["not_archived"] == 0


def test_a_heartbeat_that_is_archived_is_well(trail: Trail) -> None:
    beat(trail, 5 * MINUTE)
    trail.wait_for_archive()
    before, known = trail.counted("VerifierFunction", "AuditArchiveStopped"), len(heartbeats(trail))

    trail.invoke(heartbeat={})

    assert trail.comes_true(lambda: len(heartbeats(trail)) > known)
    assert [line["status"] for line in heartbeats(trail)][-1] == 200
    assert trail.counted("VerifierFunction", "AuditArchiveStopped") == before


def test_a_stream_that_is_cut_is_reported_by_the_next_heartbeat_and_lags_until_it_goes_on(trail: Trail) -> None:
    trail.wait_for_archive()
    before = trail.counted("VerifierFunction", "AuditArchiveStopped")
    trail.cut(is_cut=True)
    try:
        heartbeat, lagging = beat(trail, 4 * MINUTE), trail.put()
        trail.invoke(heartbeat={})

        assert trail.comes_true(lambda: trail.counted("VerifierFunction", "AuditArchiveStopped") > before, is_cut=True)
        last = heartbeats(trail)[-1]
        assert (last["status"], last["reason"]) == (500, "not archived")
        verdict = trail.verified()
        assert lagging not in {id_ for id_, _ in verdict["found"]}
        assert verdict["not_archived"] >= 1
    finally:
        trail.cut(is_cut=False)
    trail.wait_for_archive()

    assert {heartbeat, lagging} <= set(re.findall(r'"sk":"([^"]+)"', trail.archived()))
    assert trail.verified()["not_archived"] == 0
    known = len(heartbeats(trail))
    trail.invoke(heartbeat={})
    assert trail.comes_true(lambda: len(heartbeats(trail)) > known)
    assert trail.counted("VerifierFunction", "AuditArchiveStopped") == before + 1


def beat(trail: Trail, age: float) -> str:
    """Put a heartbeat dated `age` seconds ago."""
    event_id = f"{int((time.time() - age) * 1000):012x}-0{time.time_ns():031x}"
    record = DynamoDbAuditStore(trail.stack.role_client("dynamodb", "VerifierFunction"), trail.table)
    event = AuditEvent(id=event_id, action=Action.EXECUTE, interaction=HEARTBEAT, service=SERVICE)
    record.keep([event])
    return event_id


def heartbeats(trail: Trail) -> list[Mapping[str, Any]]:
    return [line for line in trail.logged("VerifierFunction") if line.get("action") == "audit-trail.heartbeat"]


def test_events_of_before_a_retention_are_stamped_once_without_an_alarm(trail: Trail) -> None:
    at = start_of(day_of_age(500 * DAY_SECONDS))
    written = [AuditEvent(id=new_event_id(at / 1000 + number), **_A_READ) for number in range(3)]
    for_ever = AgedTrail(written, (), written, retention_days=0)
    trail.archive(for_ever.inserts(written))
    for event in written:
        trail.dynamodb.put_item(TableName=trail.table, Item=event.item())
    own = {"AuditRetentionDays": "90", "ArchiveRetentionDays": "2922"}
    asked = ("stamp", "--from", day_of(at), "--to", day_of(at), "--yes")

    done, again = trail.audit(*asked, **own), trail.audit(*asked, **own)

    assert (done.exit_code, again.exit_code) == (0, 0), done.output + again.output
    assert ("Stamped 3 events" in done.output, "has a stamp" in again.output) == (True, True)
    keys = [event_key(event.id) for event in written]
    items = [trail.dynamodb.get_item(TableName=trail.table, Key=key)["Item"] for key in keys]
    now = time.time()
    assert all(now < float(item["expires_at"]["N"]) <= now + 30 * DAY_SECONDS for item in items)
    trail.wait_for_archive()
    assert trail.archived().count('"event":"MODIFY"') >= len(written)
    assert trail.printed("ArchiverFunction").isdisjoint((event.id, "changed") for event in written)
    assert trail.verified(day=day_of(at), parameters=own)["stands"]


# --- many days, of which the table keeps ninety: from here on the stream is cut

QUERIES = ("ArchiveDatabase", "ArchiveWorkGroup")
"""The outputs without which a stack has no queries."""


@pytest.fixture(scope="module")
def aged(trail: Trail) -> AgedTrail:
    """Events of 480 days, those of the first 390 ended by their time to live, as the archiver got them."""
    written = many_days(int(time.time() * 1000), days=480)
    # Rows that are put now would be archived as of now.
    trail.cut(is_cut=True)
    for batch in written.batches:
        trail.archive(batch)
    for event in written.kept:
        trail.dynamodb.put_item(TableName=trail.table, Item=written.item(event))
    return written


def reported(result: Result) -> list[tuple[str, str, str, bool]]:
    """Return id, day, client and whether it was allowed of each event of a report."""
    return sorted(
        (one, day_of(time_of(one)), each["client_id"], each["outcome"] == "allowed")
        for each in json.loads(result.stdout)
        for one in each["events"]
    )


def who_saw(aged: AgedTrail, patient: str, days: Sequence[str]) -> list[tuple[str, str, str, bool]]:
    """Return the same of the events that were written."""
    events = [each for each in aged.events if each.patient == patient and day_of(each.at) in days]
    return sorted((each.id, day_of(each.at), each.client_id, each.outcome == Outcome.ALLOWED) for each in events)


def report(trail: Trail, aged: AgedTrail, *options: str, without: Sequence[str] = ()) -> Result:
    """Report who saw Patient/4, as if the stack had the retention of the trail."""
    kept = {"AuditRetentionDays": str(aged.retention_days), "ArchiveRetentionDays": "2922"}
    return trail.audit("report", "--patient", "4", "--json", *options, without=without, **kept)


@pytest.mark.parametrize(
    ("without", "how"),
    [((), "Athena reads them"), (QUERIES, "They are downloaded")],
    ids=["athena", "objects"],
)
def test_who_saw_a_patient_on_each_of_four_hundred_days_is_what_was_written(
    trail: Trail, aged: AgedTrail, without: Sequence[str], how: str
) -> None:
    """The table keeps the last ten of them, and these are verified."""
    days = aged.days[:400]

    result = report(trail, aged, "--from", days[0], "--to", days[-1], without=without)

    assert result.exit_code == 0, result.stderr
    assert reported(result) == who_saw(aged, "4", days)
    assert {day for _, day, _, _ in reported(result)} == set(days)
    assert f"{days[0]} to {days[391]} is in the archive: " in result.stderr
    assert how in result.stderr


def test_an_object_that_is_put_over_is_found_by_who_reads_objects_and_by_verification(
    trail: Trail, aged: AgedTrail
) -> None:
    day, keys = aged.days[101], trail.keys()
    assert report(trail, aged, "--date", day, "--verify").exit_code == 0
    (key,) = (each for each in keys if each.startswith(day))
    trail.put_over(key)

    by_objects = report(trail, aged, "--date", day, without=QUERIES)
    verified = report(trail, aged, "--date", day, "--verify")

    named = f"{key} is an object of the archive that does not hold what its key says"
    assert (by_objects.exit_code, reported(by_objects), named in by_objects.stderr) == (1, [], True)
    assert (verified.exit_code, "1 broken" in verified.stderr) == (1, True)
    assert named in trail.audit("verify", "--date", day).stdout
    # An engine reads what is there. Its reports are as good as the verification of their days.
    assert report(trail, aged, "--date", day).exit_code == 0


def test_the_archive_holds_of_an_end_the_key_and_the_stamp_alone(trail: Trail, aged: AgedTrail) -> None:
    lines = [json.loads(line) for line in trail.archived().splitlines()]
    ends = [each for each in lines if each["event"] == "REMOVE" and each["principal"]]

    assert {each["sk"] for each in ends} == {each.id for each in aged.events} - {each.id for each in aged.kept}
    assert {tuple(sorted(each["old"])) for each in ends} == {("expires_at", "pk", "sk")}
    assert trail.printed("ArchiverFunction").isdisjoint((each["sk"], "removed") for each in ends)


def test_a_day_stands_before_and_after_its_events_have_ended(
    trail: Trail, aged: AgedTrail, monkeypatch: pytest.MonkeyPatch
) -> None:
    day, own = aged.days[-30], {"AuditRetentionDays": "90", "ArchiveRetentionDays": "2922"}
    events = aged.of_day(day)
    before = trail.verified(day=day, parameters=own)
    assert (before["stands"], before["archived"], before["ended"]) == (True, len(events), 0)

    removals = aged.removals(events)
    trail.archive(removals)
    for event in events:
        trail.remove(event.id)
    too_early = trail.verified(day=day, parameters=own)
    assert too_early["found"] == {(each.id, "removed") for each in events}

    later = float(removals[-1]["dynamodb"]["ApproximateCreationDateTime"])
    monkeypatch.setattr(audit_command, "time", SimpleNamespace(time=lambda: later))
    after = trail.verified(day=day, parameters=own)
    assert (after["stands"], after["archived"], after["ended"]) == (True, len(events), len(events))
    assert trail.verified(day=day_of(int(later * 1000)), parameters=own)["stands"]


def test_an_old_day_is_judged_by_the_retention_that_its_heartbeats_told(trail: Trail, aged: AgedTrail) -> None:
    """The stack keeps events for ever now; the trail was kept for ninety days."""
    day = aged.days[200]
    events = aged.of_day(day)

    verdict = trail.verified(day=day, parameters={"AuditRetentionDays": "0", "ArchiveRetentionDays": "1"})
    assert (verdict["stands"], verdict["ended"]) == (True, len(events))
    trail.invoke(verify=day)
    assert trail.comes_true(
        lambda: any(each.get("day") == day for each in trail.logged("VerifierFunction")), is_cut=True
    )
    assert trail.printed("VerifierFunction").isdisjoint((each.id, fault) for each in events for fault in _OF_ENDS)

    keys = trail.keys()
    key = max(each for each in keys if each.startswith(day))
    trail.put_over(key)
    trail.invoke(verify=day)
    assert trail.comes_true(lambda: (key, "not what was archived") in trail.printed("VerifierFunction"), is_cut=True)


_OF_ENDS = ("removed", "expires too early")
