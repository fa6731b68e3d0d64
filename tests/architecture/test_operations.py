"""Operations: alarms watch metrics that exist and have runbooks, and the edge never gives a client another's answer."""

import json
import re
from typing import Any, get_args

from careconnect.http.errors import Metric
from careconnect.http.origin import SECRET_HEADER, VIEWER_HEADER
from careconnect_admin.project import PROJECT
from careconnect_testing.running.cases import each_of
from careconnect_testing.stacks.whole_template import whole_template

_TEMPLATE = whole_template()
_RESOURCES: dict[str, dict[str, Any]] = _TEMPLATE["Resources"]
_ALARMS = {
    name: resource["Properties"] for name, resource in _RESOURCES.items() if resource["Type"].endswith("::Alarm")
}
_OWN = {"Fn::Sub": "CareConnect/${AWS::StackName}"}
_FRONT = _RESOURCES["Front"]["Properties"]["DistributionConfig"]


_COUNTED = set(get_args(Metric))
_OF_LOGS = {"Denied", "KeyChanged"}
"""The metrics of the access log and of CloudTrail's events."""


def test_the_alarms_watch_metrics_that_the_functions_count() -> None:
    plain = {alarm["MetricName"] for alarm in _ALARMS.values() if alarm.get("Namespace") == _OWN}
    summed = {each["MetricName"] for name in _ALARMS for each in metrics_of(name) if each["Namespace"] == _OWN}
    watched = plain | summed

    # The gateway's own 5XXError covers the faults that make a reader Unavailable. A malformed request harms nobody.
    assert watched == (_COUNTED - {"TokenIssued", "Unavailable", "RequestMalformed"}) | _OF_LOGS


def test_log_groups_are_of_the_class_that_has_metrics_filters_and_searches() -> None:
    """Of another class no metric line is read, no filter is taken and `careconnect logs` is refused (ADR 56)."""
    groups = [each["Properties"] for each in _RESOURCES.values() if each["Type"] == "AWS::Logs::LogGroup"]

    assert groups
    assert {each.get("LogGroupClass", "STANDARD") for each in groups} == {"STANDARD"}


def test_the_dashboard_shows_them_all_and_is_json() -> None:
    text, _ = _RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    body = json.loads(text)

    shown = {metric[1] for widget in body["widgets"] for metric in widget["properties"]["metrics"]}
    assert shown >= _COUNTED | _OF_LOGS | {"5XXError", "4XXError", "Latency", "Throttles", "Errors"}


def test_the_operators_page_says_what_each_counts() -> None:
    page = (PROJECT / "docs/operate.md").read_text(encoding="utf-8")

    assert [name for name in sorted(_COUNTED | _OF_LOGS) if f"`{name}`" not in page] == []


def test_what_cannot_be_recorded_is_watched_whoever_could_not() -> None:
    """Each function that has a table to record in, by the name that its metrics have."""
    functions = [each["Properties"] for each in _RESOURCES.values() if each["Type"] == "AWS::Serverless::Function"]
    given = [each["Environment"]["Variables"] for each in functions if "Environment" in each]
    alarms = [alarm for alarm in _ALARMS.values() if alarm.get("MetricName") == "AuditEventNotWritten"]

    recording = {each["POWERTOOLS_SERVICE_NAME"] for each in given if "AUDIT_FAILURE" in each}
    assert {alarm["Dimensions"][0]["Value"] for alarm in alarms} == recording
    assert len(alarms) == len(recording)


def test_a_proof_that_is_sent_again_is_watched_whoever_judges_it() -> None:
    judging = {"token_issuer", "fhir_reader", "record_writer", "access_auditor", "export_keeper", "export_sender"}
    shown, _ = _RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]

    watched = metrics_of("DpopReplayedAlarm")
    assert {each["MetricName"] for each in watched} == {"DpopReplayed"}
    assert {each["Dimensions"][0]["Value"] for each in watched} == judging
    for service in judging:
        assert f'"DpopReplayed", "service", "{service}"' in shown


def test_that_nothing_is_watched_any_more_is_news() -> None:
    assert _ALARMS["AuditVerifierStoppedAlarm"]["TreatMissingData"] == "breaching"
    others = {alarm["TreatMissingData"] for name, alarm in _ALARMS.items() if name != "AuditVerifierStoppedAlarm"}
    assert others == {"notBreaching"}


def test_a_day_that_nobody_verifies_rings_also_if_each_run_takes_all_of_its_time() -> None:
    alarm, timeout = _ALARMS["AuditVerifierErrorsAlarm"], _RESOURCES["VerifierFunction"]["Properties"]["Timeout"]

    # Lambda tries a failed run again after a minute, and once more after two.
    assert alarm["Threshold"] == 3
    assert alarm["Period"] * alarm["EvaluationPeriods"] > 3 * timeout + 60 + 120


def metrics_of(name: str) -> list[dict[str, Any]]:
    """Return the metrics of an alarm's expression."""
    return [each["MetricStat"]["Metric"] for each in _ALARMS[name].get("Metrics", ()) if "MetricStat" in each]


def test_errors_ring_by_their_rate_but_not_for_a_few() -> None:
    alarm = _ALARMS["ServerErrorsAlarm"]
    (expression,) = (each["Expression"] for each in alarm["Metrics"] if "Expression" in each)

    def rings(errors: int, requests: int) -> bool:
        # The expression in Python's words.
        condition, value, otherwise = expression.removeprefix("IF(").removesuffix(")").split(", ")
        names = {"errors": errors, "requests": requests}
        found = eval(value if eval(condition.replace("AND", "and"), names) else otherwise, names)  # noqa: S307
        return bool(found >= alarm["Threshold"])

    assert [rings(4, 4), rings(5, 5), rings(5, 2_500), rings(5, 2_501), rings(60, 30_000)] == [
        *(False, True, True, False, True)
    ]
    assert [each["MetricName"] for each in metrics_of("ServerErrorsAlarm")] == ["5XXError", "Count"]


def test_refused_starts_are_those_of_what_requests_wait_for() -> None:
    functions = {name for name, each in _RESOURCES.items() if each["Type"] == "AWS::Serverless::Function"}
    watched = metrics_of("FunctionThrottlesAlarm")
    # A stack without bulk exports has none of theirs.
    of_exports = metrics_of("ExportThrottlesAlarm")

    beside = {"ConsoleFunction", "ArchiverFunction", "VerifierFunction", "RecoveryFunction", "ExportWorkerFunction"}
    found = {each["Dimensions"][0]["Value"]["Ref"] for each in (*watched, *of_exports)}
    assert found == functions - beside
    assert all(each["MetricName"] == "Throttles" for each in (*watched, *of_exports))
    # CloudWatch's limit for an expression.
    assert len(watched) <= 10


def test_an_archive_that_is_behind_is_reported_long_before_the_stream_loses_anything() -> None:
    alarm = _ALARMS["AuditArchiveBehindAlarm"]

    assert (alarm["MetricName"], alarm["Statistic"], alarm["Threshold"]) == ("IteratorAge", "Maximum", 3_600_000)
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": "ArchiverFunction"}}]


@each_of("name", _ALARMS)
def test_the_alarm_has_a_runbook_and_someone_to_tell(name: str) -> None:
    runbooks = (PROJECT / "docs/alarms.md").read_text(encoding="utf-8")
    runbook = re.search(r"See docs/alarms\.md, ([a-z ]+)\.$", _ALARMS[name]["AlarmDescription"])

    assert runbook is not None
    assert _ALARMS[name]["AlarmDescription"].startswith(("Urgent: ", "Today: ", "Notice: "))
    assert f"\n## {runbook[1].capitalize()}\n" in runbooks
    assert f"`{name.removesuffix('Alarm')}`" in runbooks
    assert _ALARMS[name]["AlarmActions"] == _ALARMS[name]["OKActions"] != []


def test_changes_of_a_signing_key_are_watched_by_name() -> None:
    """The rule's lists must hold each of these names. `tests/security/test_gateway.py` sends the rule events."""
    rule = _RESOURCES["KeyChangeRule"]["Properties"]
    watched = {name for each in rule["EventPattern"]["detail"]["$or"] for name in each["eventName"]}

    assert watched == {
        *("PutKeyPolicy", "DisableKey", "ScheduleKeyDeletion", "CreateGrant"),
        *("CreateAlias", "UpdateAlias", "DeleteAlias"),
    }
    assert rule.get("State", "ENABLED") == "ENABLED"


def test_the_functions_metrics_are_those_of_one_stack() -> None:
    variables = _TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]

    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == _OWN


def test_the_access_log_holds_neither_path_nor_query_nor_address() -> None:
    setting = _RESOURCES["Api"]["Properties"]["AccessLogSetting"]["Fn::If"][1]
    logged = set(re.findall(r"\$context\.([A-Za-z.]+)", setting["Format"]))

    assert json.loads(setting["Format"])["requestId"] == "$context.requestId"
    assert not logged & {"path", "customDomain.basePathMatched", "identity.sourceIp", "protocol", "requestOverride"}
    assert {"resourcePath", "status", "responseLatency"} <= logged


def test_the_edge_caches_nothing_not_even_errors() -> None:
    # CloudFront caches these for ten seconds by default, for every viewer (its developer guide, "How CloudFront
    # caches HTTP 4xx and 5xx status codes").
    kept = {400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504}

    assert _FRONT["DefaultCacheBehavior"]["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert {each["ErrorCode"]: each["ErrorCachingMinTTL"] for each in _FRONT["CustomErrorResponses"]} == dict.fromkeys(
        kept, 0
    )


def test_the_edge_speaks_tls_only_and_repairs_challenges() -> None:
    (origin,) = _FRONT["Origins"]
    (function,) = _FRONT["DefaultCacheBehavior"]["LambdaFunctionAssociations"]

    assert origin["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert _FRONT["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "https-only"
    assert origin["OriginPath"] == f"/{_RESOURCES['Api']['Properties']['StageName']}"
    # Not viewer-response: that is not run for a 401.
    assert function["EventType"] == "origin-response"


def test_the_edge_proves_itself_and_says_who_asks() -> None:
    """The functions trust these headers (`careconnect.http.origin`), so only the edge may be able to send them."""
    (origin,) = _FRONT["Origins"]
    (function,) = _FRONT["DefaultCacheBehavior"]["FunctionAssociations"]

    (header,) = origin["OriginCustomHeaders"]
    assert header["HeaderName"].lower() == SECRET_HEADER
    assert header["HeaderValue"] == {"Ref": "OriginSecret"}
    assert _TEMPLATE["Parameters"]["OriginSecret"]["NoEcho"] is True
    assert re.fullmatch(_TEMPLATE["Parameters"]["OriginSecret"]["AllowedPattern"], "x" * 31) is None
    assert function["EventType"] == "viewer-request"
    assert function["FunctionARN"] == {"Fn::GetAtt": ["ViewerAddressFunction", "FunctionARN"]}
    assert f"'{VIEWER_HEADER}'" in _RESOURCES["ViewerAddressFunction"]["Properties"]["FunctionCode"]
    needed = _TEMPLATE["Rules"]["CustomDomainIsComplete"]["Assertions"]
    assert "OriginSecret" in {each["Assert"]["Fn::Not"][0]["Fn::Equals"][0]["Ref"] for each in needed}


def test_every_function_that_answers_http_refuses_what_comes_around_the_edge() -> None:
    functions = {name: each for name, each in _RESOURCES.items() if each["Type"] == "AWS::Serverless::Function"}

    without_http = {"ReadAuthorizerFunction", "WriteAuthorizerFunction", "ArchiverFunction", "VerifierFunction"}
    without_http |= {"RecoveryFunction", "ExportWorkerFunction"}
    for name in functions.keys() - without_http:
        variables = functions[name]["Properties"]["Environment"]["Variables"]
        assert variables["ORIGIN_SECRET"] == {"Ref": "OriginSecret"}, name


def test_requests_of_all_together_and_instances_of_readers_and_writers_have_limits_that_are_parameters() -> None:
    parameters = _TEMPLATE["Parameters"]
    (settings,) = _RESOURCES["Api"]["Properties"]["MethodSettings"]

    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] == {"Ref": "RequestRate"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "RequestBurst"}
    assert 0 < parameters["RequestRate"]["Default"] <= parameters["RequestBurst"]["Default"] < 5000
    limited = {
        name: each["Properties"]["ReservedConcurrentExecutions"]["Fn::If"]
        for name, each in _RESOURCES.items()
        if "ReservedConcurrentExecutions" in each.get("Properties", {})
    }
    readers = ["LimitsReaders", {"Ref": "ReaderConcurrency"}, {"Ref": "AWS::NoValue"}]
    writers = ["LimitsWriters", {"Ref": "WriterConcurrency"}, {"Ref": "AWS::NoValue"}]
    # Not the functions that every request needs: without instances of those, all requests would end.
    assert limited == {
        "PatientRecordFunction": readers,
        "DirectoryFunction": readers,
        "RecordWriterFunction": writers,
        "DirectoryWriterFunction": writers,
        "BundleFunction": writers,
        "ExportWorkerFunction": ["LimitsExports", {"Ref": "ExportConcurrency"}, {"Ref": "AWS::NoValue"}],
    }
    for name, condition in (
        *(("ReaderConcurrency", "LimitsReaders"), ("WriterConcurrency", "LimitsWriters")),
        ("ExportConcurrency", "LimitsExports"),
    ):
        assert parameters[name]["Default"] == ""
        assert _TEMPLATE["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": name}, ""]}]}
