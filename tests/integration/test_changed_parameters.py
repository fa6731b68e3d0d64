"""Each parameter of the template, changed on a running stack, takes effect (`docs/change.md`, Updates).

The emulator stands for CloudFormation: it publishes a version for a changed description alone, as AWS does.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from careconnect.http.base_url import FHIR_PATH
from careconnect.http.origin import SECRET_HEADER
from careconnect_admin.clients.registration import ClientRegistration, register_client
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.deploying.parameters import with_release
from careconnect_admin.local.local_stack import LocalStack
from careconnect_testing.running.cases import each_of
from careconnect_testing.stacks.updated_stack import UpdatedStack
from careconnect_testing.stacks.whole_template import whole_template

pytestmark = [pytest.mark.integration, pytest.mark.long, pytest.mark.xdist_group("changed parameters")]

_TEMPLATE = whole_template()
_DESCRIPTIONS = {
    name: each["Properties"]["VersionDescription"]["Fn::Sub"]
    for name, each in _TEMPLATE["Resources"].items()
    if each["Type"] == "AWS::Serverless::Function"
}
_ELSEWHERE = {
    "CertificateArn": "test_options.py, with CustomDomain",
    "EdgeFunctionArn": "test_options.py, with CustomDomain",
    "RestoredTables": "test_restore.py",
    "ArchiveQueries": "test_options.py",
    "BulkExport": "test_options.py",
    # What the emulator lacks is held on the template.
    "ExportConcurrency": "test_operations.py",
    "ReaderConcurrency": "test_operations.py",
    "TrafficShift": "test_traffic_shift.py",
    "WebAclArn": "test_parameters.py",
    "WriterConcurrency": "test_operations.py",
}
_ADDRESS = "https://api.example.org"
_ORIGIN = "https://app.example.org"
_SCOPES = ("user/*.read", "user/*.write", "system/AuditEvent.read")
_SECRET = "s" * 43
_TOPIC = "arn:aws:sns:eu-west-2:123456789012:ours"


class ChangingStack(UpdatedStack):
    """A running stack whose parameters change."""

    def token(self) -> dict[str, Any]:
        """Obtain a token as a new client, which owes nothing."""
        registry = DynamoDbClientRegistry(self.local.client("dynamodb"), self.local.stack.outputs["ClientTable"])
        client = ClientRegistration(str(uuid.uuid4()), "A test client", _SCOPES)
        pair = (client.client_id, str(register_client(registry, client, now=time.time())))
        answer = self.http.post("/token", data={"grant_type": "client_credentials"}, auth=pair)
        assert answer.status_code == 200, answer.text
        said: dict[str, Any] = answer.json()
        return said

    def ask(self, path: str, **more: Any) -> httpx.Response:
        """Send a request below the FHIR base with a token."""
        headers = {"Authorization": f"Bearer {self.token()['access_token']}"}
        return self.http.request(more.pop("method", "GET"), f"{FHIR_PATH}/{path}", headers=headers, **more)


Look = Callable[[ChangingStack], Any]


def _setting(function: str, name: str) -> Look:
    return lambda stack: stack.live(function)["Environment"]["Variables"][name]


def _after_guesses(stack: ChangingStack) -> int:
    """Return the status of the last of a few guesses; some more than the limit may pass as a window of it begins."""
    guess = (f"guessed-{uuid.uuid4()}", "wrong")
    form = {"grant_type": "client_credentials"}
    return [stack.http.post("/token", data=form, auth=guess).status_code for _ in range(4)][-1]


def _of_a_large_transaction(stack: ChangingStack) -> int:
    """Return the status of a transaction that costs more than ten minutes of the smallest quota."""
    request = {"method": "POST", "url": "Organization"}
    entries = [
        {"resource": {"resourceType": "Organization", "name": str(number)}, "request": request} for number in range(100)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    return stack.ask("", method="POST", json=bundle).status_code


def _allowed(stack: ChangingStack) -> tuple[str | None, ...]:
    """Return who may read a function's answer and the gateway's own, for a browser's two origins."""
    return tuple(
        stack.http.get(f"{FHIR_PATH}/{path}", headers={"Origin": origin}).headers.get("Access-Control-Allow-Origin")
        for path in ("metadata", "Patient/1")
        for origin in (_ORIGIN, "https://other.example.org")
    )


def _events_kept(stack: ChangingStack) -> tuple[set[int], bool]:
    """Return after how many days events expire, if they do, and whether a search says that former ones may be gone."""
    assert stack.ask("Patient/nobody").status_code == 404
    items = stack.local.client("dynamodb").scan(TableName=stack.local.stack.outputs["AuditTable"])["Items"]
    times = [int(item["expires_at"]["N"]) for item in items if "expires_at" in item]
    found = stack.ask("AuditEvent?patient=nobody&date=le2020").json()
    old = stack.ask(f"AuditEvent/{0:012x}-{0:032x}")
    assert old.status_code == 404
    is_said = [entry["search"]["mode"] for entry in found.get("entry", ())] == ["outcome"]
    assert ("careconnect audit report" in old.text) == ("careconnect audit report" in str(found)) == is_said
    return {round((each - time.time()) / 86_400) for each in times}, is_said


def _issuer(stack: ChangingStack) -> str:
    return str(stack.http.get("/.well-known/oauth-authorization-server").json()["issuer"])


def _without_and_with_the_secret(stack: ChangingStack) -> tuple[int, int]:
    path = f"{FHIR_PATH}/metadata"
    return (
        stack.http.get(path).status_code,
        stack.http.get(path, headers={SECRET_HEADER: _SECRET}).status_code,
    )


def _throttling(name: str) -> Look:
    def look(stack: ChangingStack) -> float:
        (stage,) = stack.local.client("apigateway").get_stages(restApiId=stack.resources()["Api"])["item"]
        return float(stage["methodSettings"]["*/*"][name])

    return look


def _days_of_logs(stack: ChangingStack) -> set[int]:
    groups = {name for name in stack.resources().values() if name.startswith("/aws/cloudformation/")}
    found = stack.local.client("logs").describe_log_groups()["logGroups"]
    return {each["retentionInDays"] for each in found if each["logGroupName"] in groups}


def _protected(stack: ChangingStack) -> set[str]:
    dynamodb = stack.local.client("dynamodb")
    names = [name for output, name in stack.local.stack.outputs.items() if output.endswith("Table")]
    passing = {stack.local.stack.outputs[each] for each in ("UsageTable", "ProofTable", "ExportTable")}
    kept = [name for name in names if name not in passing]
    return {str(dynamodb.describe_table(TableName=name)["Table"]["DeletionProtectionEnabled"]).lower() for name in kept}


def _logs_access(stack: ChangingStack) -> bool:
    return "AccessLogGroup" in stack.resources()


def _aliases(stack: ChangingStack) -> list[str]:
    found = stack.local.client("kms").list_aliases()["Aliases"]
    return sorted(each["AliasName"].rpartition("-")[2] for each in found if "-signing-" in each["AliasName"])


def _alarms(stack: ChangingStack) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = stack.local.client("cloudwatch").describe_alarms()["MetricAlarms"]
    return found


def _told(stack: ChangingStack) -> set[str]:
    """Return the addresses that are told of every alarm, or the topics that are not the stack's."""
    topics = [set(alarm["AlarmActions"]) for alarm in _alarms(stack)]
    sns = stack.local.client("sns")
    told = set()
    for topic in set.intersection(*topics):
        is_own = topic == stack.resources().get("AlarmTopic")
        found = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"] if is_own else ()
        told |= {each["Endpoint"] for each in found} if is_own else {topic}
    return told


def _indexes(stack: ChangingStack) -> set[str]:
    table = stack.local.stack.outputs["AuditTable"]
    found = stack.local.client("dynamodb").describe_table(TableName=table)["Table"]["GlobalSecondaryIndexes"]
    return {each["IndexName"] for each in found}


def _refusals(stack: ChangingStack) -> set[float]:
    name = stack.local.stack.name
    of_refusals = {
        each["Properties"]["AlarmName"]["Fn::Sub"].replace("${AWS::StackName}", name)
        for each in _TEMPLATE["Resources"].values()
        if each.get("Properties", {}).get("Threshold") == {"Ref": "RefusalsAlarm"}
    }
    return {alarm["Threshold"] for alarm in _alarms(stack) if alarm["AlarmName"] in of_refusals}


def _front(stack: ChangingStack) -> list[str]:
    found = stack.local.client("cloudfront").list_distributions()["DistributionList"].get("Items", [])
    return [alias for each in found for alias in each["Aliases"]["Items"]]


def _page(stack: ChangingStack) -> int:
    return stack.http.get("/", headers={"Accept": "text/html"}).status_code


def _snapshots(stack: ChangingStack) -> set[str]:
    return {name for name in _DESCRIPTIONS if stack.live(name)["SnapStart"]["ApplyOn"] == "PublishedVersions"}


@dataclass(frozen=True)
class Row:
    """A parameter, the value that it is changed to, and what is seen of it before and after."""

    name: str
    value: str
    look: Look
    before: Any
    after: Any


_WAITED_FOR = {
    "TokenFunction", "ReadAuthorizerFunction", "WriteAuthorizerFunction", "PatientRecordFunction", "DirectoryFunction",
    "RecordWriterFunction",
}  # fmt: skip
_RELEASE = _setting("ConsoleFunction", "RELEASE")

_CHANGES: tuple[tuple[Row, ...], ...] = (
    (Row("Release", "another", _RELEASE, "1", "another"),),
    (Row("TokenLifetimeSeconds", "1200", lambda stack: stack.token()["expires_in"], 3600, 1200),),
    (Row("ThrottleFailures", "1", _after_guesses, 401, 429),),
    # Together, as a rule of the template compares them.
    (
        Row("ArchiveRetentionDays", "365", _setting("ArchiverFunction", "ARCHIVE_RETENTION_DAYS"), "1", "365"),
        Row("AuditRetentionDays", "90", _events_kept, (set(), False), ({90}, True)),
    ),
    (Row("ClientAllowance", "1000", _of_a_large_transaction, 200, 422),),
    (Row("ExportJobsPerClient", "3", _setting("ExportFunction", "EXPORT_JOBS_PER_CLIENT"), "2", "3"),),
    (Row("ExportRetentionHours", "5", _setting("ExportWorkerFunction", "EXPORT_RETENTION_HOURS"), "24", "5"),),
    (Row("AllowedOrigins", _ORIGIN, _allowed, ("*",) * 4, (_ORIGIN, None, _ORIGIN, _ORIGIN)),),
    (Row("AuditFailure", "open", _setting("PatientRecordFunction", "AUDIT_FAILURE"), "closed", "open"),),
    (Row("Console", "off", _page, 200, 404),),
    (Row("Architecture", "arm64", lambda stack: stack.live("TokenFunction")["Architectures"], ["x86_64"], ["arm64"]),),
    # What is no setting of a function: all at once.
    (
        Row("RequestRate", "7", _throttling("throttlingRateLimit"), 200, 7),
        Row("RequestBurst", "9", _throttling("throttlingBurstLimit"), 400, 9),
        Row("LogRetentionDays", "7", _days_of_logs, {30}, {7}),
        Row("DeletionProtection", "true", _protected, {"false"}, {"true"}),
        Row("RotationAliases", "kept", _aliases, ["current", "next", "previous"], ["current"]),
        Row("AccessLogs", "off", _logs_access, True, False),
        Row("AlarmEmail", "someone@example.org", _told, set(), {"someone@example.org"}),
        Row("RefusalsAlarm", "3", _refusals, {200}, {3}),
        Row("PatientIndex", "both", _indexes, {"by-patient-2"}, {"by-patient-2", "by-patient"}),
    ),
    (Row("AlarmTopicArn", _TOPIC, _told, {"someone@example.org"}, {_TOPIC}),),
    (Row("BaseUrl", _ADDRESS, lambda stack: _issuer(stack) == _ADDRESS, False, True),),
    (Row("OriginSecret", _SECRET, _without_and_with_the_secret, (200, 200), (403, 200)),),
    (Row("CustomDomain", "own.example.org", _front, [], ["own.example.org"]),),
    # Last, because the emulator then starts each version once when it is published.
    (Row("SnapStart", "on", _snapshots, set(), _WAITED_FOR),),
)
_ROWS = {row.name: row for group in _CHANGES for row in group}
# What has to be changed with a parameter; with OriginSecret, what `careconnect deploy` gives.
_WITH = {
    "AlarmTopicArn": {"AlarmEmail": ""},
    "OriginSecret": with_release({"OriginSecret": _SECRET}, "careconnect"),
    "CustomDomain": {
        "BaseUrl": "",
        "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/0c0c0c0c-0000-4000-8000-000000000000",
        "EdgeFunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:careconnect-edge:7",
    },
}


@dataclass(frozen=True)
class Seen:
    """What was seen of a parameter, and the functions whose alias moved to another version with its change."""

    before: Any
    after: Any
    moved: set[str]


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    """What was seen of each row, as its parameter was changed."""
    found: dict[str, Seen] = {}
    with LocalStack(log_folder=tmp_path_factory.mktemp("changing"), parameters={"SnapStart": "off"}) as local:
        stack = ChangingStack(local)
        for group in _CHANGES:
            parameters = {row.name: row.value for row in group} | _WITH.get(group[0].name, {})
            before = {row.name: row.look(stack) for row in group}
            versions = {name: stack.live(name)["Version"] for name in _DESCRIPTIONS}
            stack.update(parameters)
            moved = {name for name, version in versions.items() if stack.live(name)["Version"] != version}
            found |= {row.name: Seen(before[row.name], row.look(stack), moved) for row in group}
    return found


def test_each_parameter_is_changed_here_or_elsewhere() -> None:
    assert _ROWS.keys() | _ELSEWHERE.keys() == _TEMPLATE["Parameters"].keys()
    assert not _ROWS.keys() & _ELSEWHERE.keys()


@each_of("name", _ROWS)
def test_a_changed_parameter_takes_effect(seen: dict[str, Seen], name: str) -> None:
    assert (seen[name].before, seen[name].after) == (_ROWS[name].before, _ROWS[name].after)


@each_of("name", _ROWS)
def test_the_functions_that_hold_a_changed_parameter_get_a_version_and_no_others(
    seen: dict[str, Seen], name: str
) -> None:
    (group,) = (each for each in _CHANGES if _ROWS[name] in each)
    changed = {row.name for row in group} | _WITH.get(name, {}).keys()

    assert seen[name].moved == {
        function for function, text in _DESCRIPTIONS.items() if any(f"${{{each}}}" in text for each in changed)
    }
