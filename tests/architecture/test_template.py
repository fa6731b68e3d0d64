"""The template agrees with the one table, the contract and the code (`access.md`, Rule 6; `fhir.md`)."""

import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from careconnect.audit.retention import ARCHIVE_DAYS, AUDIT_DAYS, refusal
from careconnect.fhir.rendering.formats import body_format
from careconnect.fhir.resource_types import AUDIT_EVENT, RESOURCE_TYPES, SERVED_TYPES, Table
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.signing_keys import CURRENT, KMS_ALGORITHM, KMS_PSS_ALGORITHM, NEXT, PREVIOUS
from careconnect.storage.dynamodb import BELIEVED_SECONDS
from careconnect_admin.audit_trail import archive_statement
from careconnect_admin.documents import api_paths
from careconnect_admin.documents.api_paths import API as API_FILE
from careconnect_admin.documents.api_paths import with_paths, write_paths
from careconnect_admin.loading import reindex
from careconnect_admin.local import demo_list, edge_compression
from careconnect_admin.local.deploy.deployment import for_emulator
from careconnect_admin.restoring import switch_tables
from careconnect_testing.http.events import BINARY
from careconnect_testing.http.writes import PATCH as JSON_PATCH
from careconnect_testing.running.cases import each_of
from careconnect_testing.stacks.cold_start import ENVIRONMENT, started
from careconnect_testing.stacks.granted import GRANTED, KEYS_GRANTED
from careconnect_testing.stacks.whole_template import whole_template

PROJECT = Path(__file__).resolve().parents[2]
TEMPLATE = whole_template()
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
API: dict[str, Any] = RESOURCES["Api"]["Properties"]["DefinitionBody"]
OF_EXPORTS = {path for path, methods in API["paths"].items() if "Fn::If" in methods}
PATHS: dict[str, dict[str, Any]] = {
    path: methods["Fn::If"][1] if path in OF_EXPORTS else methods for path, methods in API["paths"].items()
}


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: each for name, each in RESOURCES.items() if each["Type"] == kind}


FUNCTIONS = {name: each["Properties"] for name, each in of_type("AWS::Serverless::Function").items()}
PACKAGES = {
    "TokenFunction": "functions/token/token_issuer",
    "ReadAuthorizerFunction": "functions/authorizer/scope_authorizer",
    "WriteAuthorizerFunction": "functions/authorizer/scope_authorizer",
    "PatientRecordFunction": "functions/fhir/fhir_reader",
    "DirectoryFunction": "functions/fhir/fhir_reader",
    "RecordWriterFunction": "functions/writer/record_writer",
    "DirectoryWriterFunction": "functions/writer/record_writer",
    "BundleFunction": "functions/bundle/bundle_processor",
    "RecoveryFunction": "functions/recovery/write_recovery",
    "ExportFunction": "functions/export/export_keeper",
    "ExportFileFunction": "functions/export_file/export_sender",
    "ExportWorkerFunction": "functions/export_worker/export_worker",
    "AuditFunction": "functions/audit/access_auditor",
    "ArchiverFunction": "functions/archive/audit_archiver",
    "VerifierFunction": "functions/archive/audit_archiver",
    "DiscoveryFunction": "functions/discovery/service_discovery",
    "ConsoleFunction": "functions/console/service_console",
}
AUTHORIZERS = {"ReadAuthorizerFunction", "WriteAuthorizerFunction"}
VERBS = ("get", "head", "post", "put", "patch", "delete", "options")


def function_of(path: str, verb: str) -> str:
    """Return the logical id of the function that a method is routed to."""
    uri = PATHS[path][verb]["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
    match = re.search(r"functions/\$\{(\w+)\.Arn\}:live/invocations$", uri)
    assert match is not None, uri
    return match[1]


def authorizer_of(path: str, verb: str) -> str:
    """Return the name of the authorizer that a method asks, empty if it asks none."""
    security: Any = PATHS[path][verb].get("security", [])
    names = [name for each in security for name in each]
    assert len(names) <= 1
    return names[0] if names else ""


def below_fhir(path: str) -> str:
    return path.removeprefix(FHIR_PATH).removeprefix("/")


READER_OF = {
    Table.RECORD: "PatientRecordFunction",
    Table.DIRECTORY: "DirectoryFunction",
    Table.AUDIT: "AuditFunction",
}
WRITER_OF = {Table.RECORD: "RecordWriterFunction", Table.DIRECTORY: "DirectoryWriterFunction"}
BUNDLES = "BundleFunction"
WRITERS = {*WRITER_OF.values(), BUNDLES}
DATA_FUNCTIONS = {*READER_OF.values(), *WRITERS}
RECOVERY = "RecoveryFunction"
EXPORTS = {"ExportFunction", "ExportFileFunction"}
WORKER = "ExportWorkerFunction"
PASSING = ("UsageTable", "ProofTable", "ExportTable")
"""The tables of what passes: in minutes, or with the jobs of bulk exports."""
# A POST below a type that is no search is refused by the reader, a PATCH of the type itself by the writer.
READ = {"": ("get", "head"), "/{id}": ("get", "head", "post"), "/{id}/{proxy+}": ("get", "head", "post")}
WRITTEN = {"": ("post", "put", "patch", "delete")} | dict.fromkeys(
    ("/{id}", "/{id}/{proxy+}"), ("put", "patch", "delete")
)
VALIDATED = ("/$validate", "/{id}/$validate")
ROUTES = (
    {
        (f"{FHIR_PATH}/{each.name}{rest}", verb): function[each.table]
        for each in SERVED_TYPES
        for rest in READ
        for verbs, function in ((READ[rest], READER_OF), (WRITTEN[rest], WRITER_OF))
        if each.table in function
        for verb in verbs
    }
    | {
        (f"{FHIR_PATH}/{each.name}{rest}", verb): READER_OF[each.table]
        if verb in ("get", "head")
        else WRITER_OF[each.table]
        for each in RESOURCE_TYPES
        for rest in VALIDATED
        for verb in ("get", "head", "post", "put", "patch", "delete")
    }
    | {(FHIR_PATH, "post"): BUNDLES}
    | {
        (f"{FHIR_PATH}/{path}", verb): function
        for path, verbs, function in (
            ("$export", ("get", "post"), "ExportFunction"),
            ("Patient/$export", ("get", "post"), "ExportFunction"),
            ("$export/{job}", ("get", "head", "delete"), "ExportFunction"),
            ("$export/{job}/{file}", ("get", "head"), "ExportFileFunction"),
        )
        for verb in verbs
    }
)
DATA_PATHS = {path for path, _ in ROUTES}


def test_every_condition_and_parameter_is_used() -> None:
    # The linter sees only a part of the template when it reads the file alone, so this rule is switched off there.
    text = json.dumps({name: section for name, section in TEMPLATE.items() if name not in ("Conditions", "Parameters")})
    conditions = json.dumps(TEMPLATE["Conditions"])

    for name in TEMPLATE["Conditions"]:
        assert f'"{name}"' in text
    for name in TEMPLATE["Parameters"]:
        assert re.search(rf'"{name}"|\$\{{{name}\}}', text + conditions)


def test_the_committed_paths_are_what_the_code_makes() -> None:
    text = API_FILE.read_text(encoding="utf-8")

    assert with_paths(text) == text, "run `make docs`"


def test_paths_that_were_edited_are_made_anew_and_what_is_written_by_hand_is_stored(tmp_path: Path) -> None:
    text = API_FILE.read_text(encoding="utf-8")
    edited = text.replace("statusCode: 429", "statusCode: 430").replace("  /token:\n", "  /elsewhere:\n")
    file = tmp_path / "api.yaml"
    file.write_text(edited, encoding="utf-8")

    write_paths(file)

    assert file.read_text(encoding="utf-8") == text.replace("statusCode: 429", "statusCode: 430") != text


def test_a_file_without_the_paths_heading_is_not_written_over() -> None:
    with pytest.raises(ValueError, match="heading"):
        with_paths("paths: {}\n")


def test_a_row_more_in_the_table_is_its_paths_more(monkeypatch: pytest.MonkeyPatch) -> None:
    flag = dataclasses.replace(RESOURCE_TYPES[0], name="Flag")
    monkeypatch.setattr(api_paths, "SERVED_TYPES", (*SERVED_TYPES, flag))

    made = yaml.safe_load(with_paths(API_FILE.read_text(encoding="utf-8")))["paths"]

    assert made.keys() - PATHS.keys() == {f"{FHIR_PATH}/Flag{rest}" for rest in (*READ, *VALIDATED, "/$export")}
    assert made[f"{FHIR_PATH}/Flag"] == PATHS[f"{FHIR_PATH}/{RESOURCE_TYPES[0].name}"]


def test_every_type_of_the_table_has_its_functions_routes_and_no_other_path_reaches_data() -> None:
    found = {
        (path, verb): function
        for path in PATHS
        for verb in VERBS
        if (function := function_of(path, verb)) in DATA_FUNCTIONS | EXPORTS
    }
    assert found == ROUTES


def test_export_md_off_leaves_out_all_that_bulk_exports_need_and_nothing_else() -> None:
    on, off = "ServesExports", {"Ref": "AWS::NoValue"}
    condition = TEMPLATE["Conditions"][on]

    assert condition == {"Fn::Equals": [{"Ref": "BulkExport"}, "on"]}
    assert {path for path in PATHS if "$export" in path} == OF_EXPORTS
    for path in OF_EXPORTS:
        condition, _, otherwise = API["paths"][path]["Fn::If"]
        assert (condition, otherwise) == (on, off)
    for name, resource in RESOURCES.items():
        assert (resource.get("Condition") == on) == name.startswith("Export"), name
    for name, output in TEMPLATE["Outputs"].items():
        assert (output.get("Condition") == on) == name.startswith("Export"), name
    # What is always there refers to nothing of them.
    rest = {name: each for name, each in RESOURCES.items() if not name.startswith("Export") and name != "Api"}
    made = "|".join(name for name in RESOURCES if name.startswith("Export"))
    assert re.findall(rf'"(?:{made})[".]|\$\{{(?:{made})[.}}]', json.dumps(rest)) == []
    assert environment("DiscoveryFunction") >= {"BULK_EXPORT"}
    # SAM else renews the stage when the text of the API changes, which is the same with each parameter.
    assert RESOURCES["Api"]["Properties"]["AlwaysDeploy"] is True


def test_a_type_that_is_not_writable_has_its_readers_routes_alone() -> None:
    for rest, verbs in READ.items():
        methods = PATHS[f"{FHIR_PATH}/{AUDIT_EVENT.name}{rest}"]
        assert {verb for verb, method in methods.items() if "security" in method} == set(verbs)
        assert {verb for verb in VERBS if "DiscoveryFunction" in json.dumps(methods[verb])} == set(VERBS) - set(verbs)


def test_there_is_no_other_path() -> None:
    assert PATHS.keys() - DATA_PATHS == {
        "/",
        "/docs",
        "/assets/{proxy+}",
        "/token",
        "/introspect",
        "/revoke",
        "/openapi.json",
        "/llms.txt",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        f"{FHIR_PATH}/metadata",
        f"{FHIR_PATH}/.well-known/smart-configuration",
        f"{FHIR_PATH}/{{proxy+}}",
    }


@each_of("path", PATHS)
def test_methods_are_named_one_by_one(path: str) -> None:
    assert set(PATHS[path]) == set(VERBS)
    assert {each["x-amazon-apigateway-integration"]["type"] for each in PATHS[path].values()} == {"aws_proxy"}


@each_of("path", PATHS)
def test_a_function_that_reaches_data_is_behind_the_authorizer_of_its_direction(path: str) -> None:
    for verb in VERBS:
        function = function_of(path, verb)
        reads, writes = function in {*READER_OF.values(), *EXPORTS}, function in WRITERS
        expected = "ReadAuthorizer" if reads else "WriteAuthorizer" if writes else ""
        assert authorizer_of(path, verb) == expected


@pytest.mark.parametrize(
    ("path", "function"),
    [
        ("/token", "TokenFunction"),
        ("/introspect", "TokenFunction"),
        ("/revoke", "TokenFunction"),
        ("/.well-known/jwks.json", "DiscoveryFunction"),
        ("/.well-known/oauth-authorization-server", "DiscoveryFunction"),
        (f"{FHIR_PATH}/.well-known/smart-configuration", "DiscoveryFunction"),
        (f"{FHIR_PATH}/metadata", "DiscoveryFunction"),
        ("/", "ConsoleFunction"),
        ("/docs", "ConsoleFunction"),
        ("/assets/{proxy+}", "ConsoleFunction"),
    ],
)
def test_the_open_endpoints_are_open(path: str, function: str) -> None:
    assert {function_of(path, verb) for verb in VERBS} == {function}


def test_s14_no_data_is_on_an_open_endpoint() -> None:
    functions = {function_of(path, verb) for path in PATHS for verb in VERBS if not authorizer_of(path, verb)}

    assert functions == {"TokenFunction", "DiscoveryFunction", "ConsoleFunction"}
    # None may read records (see below), and no function has an edge of its own.
    for properties in FUNCTIONS.values():
        assert "FunctionUrlConfig" not in properties
        assert {each["Type"] for each in properties.get("Events", {}).values()} <= {"Schedule"}


SCHEMES: dict[str, Any] = API["components"]["securitySchemes"]


@pytest.mark.parametrize("direction", ["read", "write"])
def test_an_authorizer_is_given_its_direction_and_its_answer_is_stored_for_a_minute_at_most(direction: str) -> None:
    name = f"{direction.capitalize()}Authorizer"
    scheme = SCHEMES[name]
    authorizer = scheme["x-amazon-apigateway-authorizer"]

    assert (scheme["name"], scheme["in"]) == ("Authorization", "header")
    assert authorizer["type"] == "token"
    assert authorizer["authorizerResultTtlInSeconds"] <= 60
    assert f"${{{name}Function.Arn}}:live" in authorizer["authorizerUri"]["Fn::Sub"]
    assert FUNCTIONS[f"{name}Function"]["Environment"]["Variables"]["DIRECTION"] == direction
    assert SCHEMES.keys() == {"ReadAuthorizer", "WriteAuthorizer"}


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        ("Bearer abc.def.ghi", True),
        ("bearer  x", True),
        ("BEARER nonsense", True),
        ("", False),
        ("Bearer", False),
        ("Bearer ", False),
        ("Basic abc", False),
        ("abc.def.ghi", False),
        ("xBearer abc", False),
        ("DPoP abc.def.ghi", True),
        ("dpop  x", True),
        ("DPOP", False),
        ("DPoPx abc", False),
        ("Bearer,DPoP abc", False),
    ],
)
def test_what_is_no_bearer_header_is_refused_by_the_gateway(header: str, passes: bool) -> None:
    for scheme in SCHEMES.values():
        expression = scheme["x-amazon-apigateway-authorizer"]["identityValidationExpression"]
        assert (re.fullmatch(expression, header) is not None) is passes


def statements(function: str) -> Iterator[Mapping[str, Any]]:
    for policy in FUNCTIONS[function].get("Policies", ()):
        assert isinstance(policy, dict), "a managed policy says more than the function needs"
        yield from policy["Statement"]


RESTORED = "table/${AWS::StackName}-restored-????????T??????Z-"


FORMER_INDEX = {
    "Fn::If": ["KeepsFormerIndex", {"Fn::Sub": "${AuditTable.Arn}/index/by-patient"}, {"Ref": "AWS::NoValue"}]
}
"""A resource that is there only while a stack is upgraded."""


def granted(function: str, *, restored: bool = False) -> set[tuple[str, str]]:
    """Return (action, resource) of all that a function's role may do; a resource goes by its logical id.

    That is on the stack's own resources, or on `restored` tables.
    """
    found = set()
    for statement in statements(function):
        assert statement["Effect"] == "Allow"
        actions = statement["Action"]
        resources = statement["Resource"]
        for action in [actions] if isinstance(actions, str) else actions:
            for resource in resources if isinstance(resources, list) else [resources]:
                if resource == FORMER_INDEX:
                    continue
                if "Ref" in resource:
                    # A state machine, or the alias of a function.
                    found |= set() if restored else {(action, resource["Ref"].removesuffix(".Alias"))}
                    continue
                arn = resource.get("Fn::GetAtt") or [resource["Fn::Sub"]]
                _, of_restored, kind = arn[0].partition(RESTORED)
                if restored != bool(of_restored):
                    continue
                if restored:
                    found.add((action, f"{kind.title().replace('-', '')}Table"))
                    continue
                within = arn[0].removeprefix("${").replace(".Arn}/index", "").replace(".Arn}/stream/*", "/stream")
                found.add((action, within.replace(".Arn}", "") + _of_items(statement)))
    return found


def _of_items(statement: Mapping[str, Any]) -> str:
    """Return the key of the one item that a statement is limited to, after a slash; empty without a limit."""
    match statement.get("Condition"):
        case None:
            return ""
        case {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [str(key)]}, **rest} if not rest:
            return f"/{key}"
    raise AssertionError("another condition")


RESTORABLE = ("RecordTable", "DirectoryTable", "ReferenceTable", "TransactionTable", "DirectoryTransactionTable")


@pytest.mark.parametrize("function", GRANTED)
def test_rule_6_a_role_may_do_the_same_with_a_restored_table(function: str) -> None:
    assert granted(function, restored=True) == {each for each in GRANTED[function] if each[1] in RESTORABLE}


def in_service(table: str) -> Any:
    """Return how the template names a table that may be a restored one."""
    kind = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", table.removesuffix("Table")).lower()
    return {
        "Fn::If": [
            "UsesRestored",
            {"Fn::Sub": f"${{AWS::StackName}}-restored-${{RestoredTables}}-{kind}"},
            {"Ref": table},
        ]
    }


def test_a_changed_parameter_is_published_with_a_changed_release() -> None:
    # SAM publishes no version for a parameter alone, and Lambda none of a function that is as before.
    for properties in FUNCTIONS.values():
        described = properties["VersionDescription"]
        assert "${Release}" in described["Fn::Sub"] if "Fn::Sub" in described else described == {"Ref": "Release"}
    assert TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["RELEASE"] == {"Ref": "Release"}


def test_one_parameter_puts_restored_tables_into_service_everywhere() -> None:
    users = set()
    for name, properties in FUNCTIONS.items():
        for variable, value in properties["Environment"]["Variables"].items():
            if (table := variable.title().replace("_", "")) in RESTORABLE:
                assert value == in_service(table)
                users.add(name)
    assert users == {name for name, rights in GRANTED.items() if {each[1] for each in rights} & set(RESTORABLE)}
    assert {name for name, each in FUNCTIONS.items() if "RestoredTables" in str(each["VersionDescription"])} == users
    watched = {
        each["Properties"]["Dimensions"][0]["Value"]["Fn::If"][2]["Ref"]: each["Properties"]["Dimensions"][0]["Value"]
        for each in of_type("AWS::CloudWatch::Alarm").values()
        if "Fn::If" in json.dumps(each["Properties"].get("Dimensions"))
    }
    assert watched == {table: in_service(table) for table in ("RecordTable", "ReferenceTable")}
    shown = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"][1]
    assert shown == {table: in_service(table) for table in RESTORABLE}
    assert {table: TEMPLATE["Outputs"][table]["Value"] for table in RESTORABLE} == shown


ACCOUNT = "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"


@pytest.mark.parametrize("function", GRANTED)
def test_rule_6_a_role_may_do_what_its_function_needs_and_no_more(function: str) -> None:
    assert granted(function) == GRANTED[function]


def test_a_restore_stops_every_function_that_may_write_a_resource() -> None:
    writing = {name for name, rights in GRANTED.items() if ("dynamodb:UpdateItem", "ReferenceTable") in rights}
    assert set(switch_tables.WRITERS) == writing == {*WRITERS, RECOVERY}


def test_operators_wait_for_longer_than_a_function_may_run() -> None:
    usual = TEMPLATE["Globals"]["Function"]["Timeout"]
    longest = max(each.get("Timeout", usual) for name, each in FUNCTIONS.items() if name in DATA_FUNCTIONS)
    assert longest < switch_tables.WAIT_SECONDS
    assert BELIEVED_SECONDS + longest < reindex.WAIT_SECONDS


def test_there_is_no_other_function_and_no_other_role() -> None:
    assert set(FUNCTIONS) == set(GRANTED) == set(PACKAGES)
    assert not any("Role" in properties for properties in FUNCTIONS.values())
    for kind in ("AWS::IAM::Role", "AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"):
        for each in of_type(kind).values():
            text = json.dumps(each)
            assert "RecordTable" not in text
            assert "ClientTable" not in text


@pytest.mark.parametrize("function", GRANTED)
def test_rule_6_a_key_lets_a_function_do_what_it_needs_and_no_more(function: str) -> None:
    role = {"Fn::GetAtt": [f"{function}Role", "Arn"]}
    found = {
        (action, name)
        for name, key in of_type("AWS::KMS::Key").items()
        for statement in key["Properties"]["KeyPolicy"]["Statement"]
        if role in _several(statement["Principal"]["AWS"])
        for action in _several(statement["Action"])
    }

    assert found == KEYS_GRANTED[function]


@pytest.mark.parametrize("key", of_type("AWS::KMS::Key"))
def test_no_key_is_handed_on_and_no_administrator_signs_with_one(key: str) -> None:
    statements_ = RESOURCES[key]["Properties"]["KeyPolicy"]["Statement"]
    actions = {action for each in statements_ for action in _several(each["Action"])}
    by_account = {
        action
        for each in statements_
        if {"Fn::Sub": ACCOUNT} in _several(each["Principal"]["AWS"])
        for action in _several(each["Action"])
    }

    assert not {action for action in actions if "*" in action or "?" in action}
    assert not actions & {"kms:CreateGrant", "kms:RetireGrant", "kms:ReplicateKey", "kms:ImportKeyMaterial"}
    assert not by_account & {"kms:Sign", "kms:GenerateMac", "kms:VerifyMac"}


KEY_POLICY: list[dict[str, Any]] = RESOURCES["SigningKey"]["Properties"]["KeyPolicy"]["Statement"]


def test_rule_6_the_token_function_alone_may_sign() -> None:
    (signing,) = (statement for statement in KEY_POLICY if "kms:Sign" in _several(statement["Action"]))

    assert signing["Principal"]["AWS"] == {"Fn::GetAtt": ["TokenFunctionRole", "Arn"]}
    assert signing["Action"] == "kms:Sign"
    assert signing["Condition"] == {"StringEquals": {"kms:SigningAlgorithm": [KMS_ALGORITHM, KMS_PSS_ALGORITHM]}}


def test_the_key_policy_names_its_actions_and_gives_none_that_hands_the_key_on() -> None:
    """A wildcard is never 'administration only': kms:Create* holds CreateGrant."""
    actions = {action for statement in KEY_POLICY for action in _several(statement["Action"])}

    assert not {action for action in actions if "*" in action or "?" in action}
    assert not actions & {"kms:CreateGrant", "kms:RetireGrant", "kms:ReplicateKey", "kms:ImportKeyMaterial"}
    assert not any("NotAction" in statement or "NotPrincipal" in statement for statement in KEY_POLICY)
    (administering,) = (each for each in KEY_POLICY if each["Principal"]["AWS"] == {"Fn::Sub": ACCOUNT})
    # An administrator must be able to look at a key, to change its policy and to take it out of service.
    assert set(administering["Action"]) >= {"kms:PutKeyPolicy", "kms:DisableKey", "kms:ScheduleKeyDeletion"}
    # The operations of `careconnect keys` on an existing key (docs/rotation.md).
    assert set(administering["Action"]) >= {
        f"kms:{name}" for name in ("DescribeKey", "GetPublicKey", "GetKeyPolicy", "CreateAlias", "UpdateAlias")
    }


def test_the_console_has_no_permission_on_anything_and_is_shown_nothing() -> None:
    assert "Policies" not in FUNCTIONS["ConsoleFunction"]
    assert "ConsoleFunctionRole" not in json.dumps(TEMPLATE)
    assert environment("ConsoleFunction") == {
        *(
            "BASE_URL",
            "ALLOWED_ORIGINS",
            "RELEASE",
            "POWERTOOLS_METRICS_NAMESPACE",
            "POWERTOOLS_SERVICE_NAME",
        ),
        *("ORIGIN_SECRET", "CONSOLE"),
    }


def test_no_path_of_a_deployment_lists_demo_clients() -> None:
    assert not [path for path in PATHS if "local" in path or "demo" in path]
    assert demo_list.PATH not in PATHS


def test_the_local_proxy_compresses_from_where_the_gateway_does() -> None:
    assert RESOURCES["Api"]["Properties"]["MinimumCompressionSize"] == edge_compression.MINIMUM_BYTES


def test_all_three_aliases_are_there_from_the_first_deployment() -> None:
    aliases = {
        name: each
        for each in of_type("AWS::KMS::Alias").values()
        if "-signing" in (name := each["Properties"]["AliasName"]["Fn::Sub"])
    }

    assert aliases.keys() == {f"alias/${{AWS::StackName}}-signing{place}" for place in (NEXT, CURRENT, PREVIOUS)}
    assert {each["Properties"]["TargetKeyId"]["Ref"] for each in aliases.values()} == {"SigningKey"}
    assert TEMPLATE["Parameters"]["RotationAliases"]["Default"] == "made"
    assert TEMPLATE["Conditions"]["MakesRotationAliases"] == {"Fn::Equals": [{"Ref": "RotationAliases"}, "made"]}


def _several(one_or_more: Any) -> list[Any]:
    return one_or_more if isinstance(one_or_more, list) else [one_or_more]


def environment(function: str) -> set[str]:
    own = set(FUNCTIONS[function].get("Environment", {}).get("Variables", {}))
    everywhere = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    return own | {name for name, value in everywhere.items() if value != {"Ref": "AWS::NoValue"}}


def literals(function: str) -> dict[str, str]:
    """Return the variables of a function that the template gives a text: which of its variants it is."""
    variables = FUNCTIONS[function].get("Environment", {}).get("Variables", {})
    return {name: value for name, value in variables.items() if isinstance(value, str)}


# Read by nobody: a release differs from the one before by it.
_NO_SETTINGS = {"RELEASE"}
_LAMBDAS_OWN = {"AWS_REGION"}

# Start each function's handler, in its variant, and print the names of the settings that it reads.
_WATCHED_STARTS = """
import importlib, json, os, sys
from collections.abc import Mapping
from careconnect.runtime.settings import Settings

class Watched(Mapping):
    def __init__(self):
        self.read = []
    def __getitem__(self, name):
        self.read.append(name)
        return os.environ[name]
    def __iter__(self):
        return iter(os.environ)
    def __len__(self):
        return len(os.environ)

def watch(settings, _environ):
    settings._environ = watched

Settings.__init__ = watch
read = {}
for function, package, variant in STARTS:
    watched = Watched()
    os.environ.update(variant)
    sys.modules.pop(f"{package}.handler", None)
    importlib.import_module(f"{package}.handler")
    read[function] = watched.read
print(json.dumps(read))
"""


@pytest.fixture(scope="module")
def settings_read() -> Mapping[str, list[str]]:
    """Return the settings that each function reads at its start."""
    starts = [(function, package.rpartition("/")[2], literals(function)) for function, package in PACKAGES.items()]
    ended = started(f"STARTS = {starts!r}\n{_WATCHED_STARTS}", ENVIRONMENT)
    assert ended.returncode == 0, ended.stderr
    return dict(json.loads(ended.stdout))


@pytest.mark.parametrize("function", PACKAGES)
def test_a_functions_environment_is_what_it_reads_at_its_start(
    function: str, settings_read: Mapping[str, list[str]]
) -> None:
    given = environment(function) - _NO_SETTINGS
    if function in AUTHORIZERS:
        # It answers the gateway, never a browser.
        given -= {"ALLOWED_ORIGINS"}
    if function in ("ArchiverFunction", "VerifierFunction", RECOVERY, WORKER):
        # They answer nobody.
        given -= {"ALLOWED_ORIGINS", "BASE_URL"}

    assert given == set(settings_read[function]) - _LAMBDAS_OWN


def test_only_its_functions_are_shown_a_table() -> None:
    told = {
        table: {function for function in PACKAGES if f"{table.upper()}_TABLE" in environment(function)}
        for table in (
            "client",
            "token",
            "record",
            "directory",
            "reference",
            "transaction",
            "directory_transaction",
            "proof",
            "audit",
            "export",
        )
    }
    assert told == {
        "client": {"TokenFunction"},
        "token": {"TokenFunction", *AUTHORIZERS, *EXPORTS, WORKER},
        "record": {"PatientRecordFunction", "RecordWriterFunction", BUNDLES, RECOVERY, WORKER},
        "directory": {"PatientRecordFunction", "DirectoryFunction", RECOVERY, WORKER, *WRITERS},
        "reference": {RECOVERY, *WRITERS},
        "transaction": {RECOVERY, WORKER, *READER_OF.values(), *WRITERS} - {"AuditFunction"},
        "directory_transaction": {RECOVERY, WORKER, *READER_OF.values(), *WRITERS} - {"AuditFunction"},
        "proof": {"TokenFunction", "AuditFunction", *DATA_FUNCTIONS, *EXPORTS},
        "audit": {"TokenFunction", "AuditFunction", "VerifierFunction", *DATA_FUNCTIONS, *EXPORTS, WORKER},
        "export": {*EXPORTS, WORKER},
    }


@pytest.mark.parametrize("function", PACKAGES)
def test_a_function_is_its_folder_and_its_packages_handler(function: str) -> None:
    properties = FUNCTIONS[function]
    folder, _, package = PACKAGES[function].rpartition("/")

    assert properties["CodeUri"] == folder
    assert properties["Handler"] == f"{package}.handler.lambda_handler"
    assert RESOURCES[properties["LoggingConfig"]["LogGroup"]["Ref"]]["Properties"]["RetentionInDays"]


@pytest.mark.parametrize("function", PACKAGES)
def test_only_the_writers_bring_what_only_writing_needs(function: str) -> None:
    layers = {"Ref": "RecordDependencyLayer"}, {"Ref": "RecordLayer"}

    # Next to the layers of all functions, which SAM adds.
    brought = list(layers) if function in WRITERS else [layers[1]] if function in (RECOVERY, WORKER) else []
    assert FUNCTIONS[function].get("Layers", []) == brought
    assert RESOURCES["RecordLayer"]["Properties"]["ContentUri"] == "layers/records"
    assert RESOURCES["RecordDependencyLayer"]["Properties"]["ContentUri"] == "layers/record_dependencies"


@pytest.mark.parametrize(("table", "function"), [*READER_OF.items(), *WRITER_OF.items()])
def test_a_function_whose_code_serves_several_tables_is_reported_which_types_it_serves(
    table: Table, function: str
) -> None:
    variables = FUNCTIONS[function]["Environment"]["Variables"]
    told = [variables[name] for name in ("READER_TABLE", "WRITER_TABLE") if name in variables]

    assert told == ([table] if table is not Table.AUDIT else [])


def test_layers_are_built_for_the_functions_processor_by_the_functions_python() -> None:
    makefile = (PROJECT / "layers/Makefile").read_text(encoding="utf-8")
    runtime = TEMPLATE["Globals"]["Function"]["Runtime"]

    assert f"\nPYTHON ?= {runtime}\n" in makefile
    for name, layer in of_type("AWS::Serverless::LayerVersion").items():
        assert layer["Metadata"] == {
            "BuildMethod": "makefile",
            "BuildArchitecture": {"Ref": "Architecture"},
            "ProjectRootDirectory": "layers",
            "ContextPath": "layers",
            "WorkingDirectory": {"Fn::Sub": "layers/platforms/${Architecture}"},
        }
        folder = layer["Properties"]["ContentUri"].removeprefix("layers/")
        assert f'build-{name}:\n\t$(BUILD) ../../{folder} "$(ARTIFACTS_DIR)/python"' in makefile


@pytest.mark.parametrize("function", PACKAGES)
def test_a_function_is_built_with_its_bytecode_by_the_functions_python(function: str) -> None:
    own = PROJECT / FUNCTIONS[function]["CodeUri"] / "Makefile"
    makefile = (own if own.is_file() else PROJECT / "functions/Makefile").read_text(encoding="utf-8")

    assert TEMPLATE["Globals"]["Function"]["Runtime"] in makefile
    assert '"$(PYTHON)" -m compileall' in makefile
    metadata = RESOURCES[function]["Metadata"]
    if function == BUNDLES:
        # Its makefile takes two other functions' packages.
        folder = FUNCTIONS[function]["CodeUri"]
        more = {"ProjectRootDirectory": "functions", "ContextPath": folder, "WorkingDirectory": folder}
    else:
        more = {} if own.is_file() else {"ContextPath": "functions"}
    assert metadata == {"BuildMethod": "makefile", **more}


@pytest.mark.parametrize(("processor", "platform"), [("x86_64", "x86_64"), ("arm64", "aarch64")])
def test_a_layers_wheels_are_for_its_processor(processor: str, platform: str) -> None:
    assert processor in TEMPLATE["Parameters"]["Architecture"]["AllowedValues"]
    wheels = (PROJECT / "layers/platforms" / processor / "wheels.txt").read_text(encoding="utf-8").split()

    assert wheels
    assert all(wheel.startswith("manylinux") and wheel.endswith(f"_{platform}") for wheel in wheels)


@pytest.mark.parametrize("table", [name for name in of_type("AWS::DynamoDB::Table") if name not in PASSING])
def test_a_table_is_encrypted_recoverable_and_protected(table: str) -> None:
    properties = RESOURCES[table]["Properties"]

    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    recovery = properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"]
    assert recovery is True or table == "AuditTable"
    assert properties["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert RESOURCES[table]["DeletionPolicy"].startswith("Retain")
    assert TEMPLATE["Parameters"]["DeletionProtection"]["Default"] == "true"


def test_events_that_end_are_in_the_archive_alone_and_others_have_a_backup() -> None:
    recovery = RESOURCES["AuditTable"]["Properties"]["PointInTimeRecoverySpecification"]

    assert recovery == {"PointInTimeRecoveryEnabled": {"Fn::If": ["KeepsEventsForEver", True, False]}}
    assert TEMPLATE["Conditions"]["KeepsEventsForEver"] == {"Fn::Equals": [{"Ref": "AuditRetentionDays"}, "0"]}


@pytest.mark.parametrize("table", PASSING)
def test_what_passes_is_encrypted_and_goes_with_the_stack(table: str) -> None:
    properties = RESOURCES[table]["Properties"]

    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert "DeletionProtectionEnabled" not in properties
    assert RESOURCES[table]["DeletionPolicy"] == "Delete"


def test_the_tables_and_their_keys_are_the_codes() -> None:
    keys = {
        name: [key["AttributeName"] for key in each["Properties"]["KeySchema"]]
        for name, each in of_type("AWS::DynamoDB::Table").items()
    }
    assert keys == {
        "ClientTable": ["client_id"],
        "TokenTable": ["pk"],
        "RecordTable": ["pk", "sk"],
        "DirectoryTable": ["pk", "sk"],
        "ReferenceTable": ["pk"],
        "TransactionTable": ["pk", "sk"],
        "DirectoryTransactionTable": ["pk", "sk"],
        "UsageTable": ["pk"],
        "ProofTable": ["pk"],
        "AuditTable": ["pk", "sk"],
        "ExportTable": ["pk", "sk"],
    }
    lives = {
        name: each["Properties"].get("TimeToLiveSpecification")
        for name, each in of_type("AWS::DynamoDB::Table").items()
    }
    expires = {"AttributeName": "expires_at", "Enabled": True}
    lasting = {"ClientTable", "ReferenceTable", "DirectoryTransactionTable"}
    assert {name for name, life in lives.items() if life is None} == lasting
    assert all(life == expires for name, life in lives.items() if name not in lasting)


def test_the_archivers_role_reads_the_stream_and_puts_objects_and_nothing_else() -> None:
    (mapping,) = of_type("AWS::Lambda::EventSourceMapping").values()
    properties = mapping["Properties"]

    assert properties["EventSourceArn"] == {"Fn::GetAtt": ["AuditTable", "StreamArn"]}
    assert properties["FunctionName"] == {"Ref": "ArchiverFunction.Alias"}
    assert RESOURCES["AuditTable"]["Properties"]["StreamSpecification"] == {"StreamViewType": "NEW_AND_OLD_IMAGES"}
    # From the first record on, in order, until a batch is done or the stream has lost it.
    assert properties["StartingPosition"] == "TRIM_HORIZON"
    assert properties["ParallelizationFactor"] == 1
    assert properties["BisectBatchOnFunctionError"] is True
    assert (properties["MaximumRetryAttempts"], properties["MaximumRecordAgeInSeconds"]) == (-1, -1)
    assert properties["MaximumBatchingWindowInSeconds"] <= 30
    assert "FunctionResponseTypes" not in properties
    for function in ("ArchiverFunction", "VerifierFunction"):
        assert f"${{{function}.Arn}}" not in json.dumps(API)


def test_the_archive_is_locked_for_its_retention_and_then_deleted() -> None:
    bucket = RESOURCES["ArchiveBucket"]
    properties = bucket["Properties"]
    days = {"Ref": "ArchiveRetentionDays"}

    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert "BucketName" not in properties
    assert properties["ObjectLockEnabled"] is True
    assert properties["ObjectLockConfiguration"]["Rule"] == {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": days}}
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    retention, markers = properties["LifecycleConfiguration"]["Rules"]
    assert (retention["Status"], markers["Status"]) == ("Enabled", "Enabled")
    assert (retention["ExpirationInDays"], retention["NoncurrentVersionExpiration"]) == (days, {"NoncurrentDays": 1})
    assert markers["ExpiredObjectDeleteMarker"] is True


def test_the_templates_retentions_are_those_of_the_code() -> None:
    audit, archive = (TEMPLATE["Parameters"][name] for name in ("AuditRetentionDays", "ArchiveRetentionDays"))

    assert (audit["AllowedValues"], archive["AllowedValues"]) == ([*AUDIT_DAYS], [*ARCHIVE_DAYS])
    # What a new stack has: a quarter of a year to ask the API, eight years of archive.
    assert (audit["Default"], archive["Default"]) == (90, 2922)


@pytest.mark.parametrize(("audit", "archive"), [*product(AUDIT_DAYS, ARCHIVE_DAYS)])
def test_the_templates_rule_takes_the_pairs_of_retentions_that_the_code_takes(audit: int, archive: int) -> None:
    rule = TEMPLATE["Rules"]["ArchiveKeepsAsLong"]
    (assertion,) = rule["Assertions"]
    values = {"AuditRetentionDays": str(audit), "ArchiveRetentionDays": str(archive)}

    limited, value = rule["RuleCondition"]["Fn::Equals"]
    allowed, tested = assertion["Assert"]["Fn::Contains"]
    is_taken = values[limited["Ref"]] != value or values[tested["Ref"]] in allowed

    assert is_taken == (not refusal(audit, archive))
    assert is_taken or assertion["AssertDescription"] == f"{refusal(audit, archive)}."


def test_the_archives_policy_denies_every_other_writer_and_everybody_who_deletes() -> None:
    policy = RESOURCES["ArchiveBucketPolicy"]
    puts, deletes, plain = policy["Properties"]["PolicyDocument"]["Statement"]

    assert (policy["DeletionPolicy"], policy["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert {each["Effect"] for each in (puts, deletes, plain)} == {"Deny"}
    assert {each["Principal"] for each in (puts, deletes, plain)} == {"*"}
    assert "s3:PutObject" in puts["Action"]
    (role, session) = puts["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
    assert role == {"Fn::GetAtt": ["ArchiverFunctionRole", "Arn"]}
    assert session["Fn::Sub"].endswith(":assumed-role/${ArchiverFunctionRole}/*")
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion"} <= set(deletes["Action"])
    assert "Condition" not in deletes
    assert (plain["Action"], plain["Condition"]) == ("s3:*", {"Bool": {"aws:SecureTransport": "false"}})


OF_QUERIES = {
    "ArchiveDatabase",
    "ArchiveLines",
    "ArchiveWorkGroup",
    "ArchiveAnswersBucket",
    "ArchiveAnswersBucketPolicy",
}


def test_archive_md_off_leaves_out_all_that_queries_need_and_nothing_else() -> None:
    on = "QueriesArchive"

    assert TEMPLATE["Conditions"][on] == {"Fn::Equals": [{"Ref": "ArchiveQueries"}, "on"]}
    assert {name for name, each in RESOURCES.items() if each.get("Condition") == on} == OF_QUERIES
    outputs = {"ArchiveDatabase", "ArchiveWorkGroup"}
    assert {name for name, each in TEMPLATE["Outputs"].items() if each.get("Condition") == on} == outputs
    rest = json.dumps({name: each for name, each in RESOURCES.items() if name not in OF_QUERIES})
    assert not [name for name in OF_QUERIES if re.search(rf'"{name}[".]|\$\{{{name}[.}}]', rest)]


def test_rule_6_no_role_may_query_the_archive_or_open_the_answers() -> None:
    kinds = ("Serverless::Function", "IAM::Role", "IAM::Policy", "IAM::ManagedPolicy", "Serverless::StateMachine")
    for kind in kinds:
        for name, each in of_type(f"AWS::{kind}").items():
            text = json.dumps(each)
            assert not re.search(r'"(athena|glue):', text), name
            assert not [made for made in OF_QUERIES if made in text], name


def test_archive_md_the_table_reads_the_archivers_objects_as_they_are() -> None:
    table = RESOURCES["ArchiveLines"]["Properties"]["TableInput"]
    (key,) = table["PartitionKeys"]
    storage, given = table["StorageDescriptor"], table["Parameters"]

    assert (table["Name"], key["Name"]) == (archive_statement.TABLE, "hour")
    assert storage["Location"] == {"Fn::Sub": "s3://${ArchiveBucket}/"}
    # What `folder_of` writes, as an hour's one folder.
    folder = {"Fn::Sub": "s3://${ArchiveBucket}/${!hour}/"}
    assert (given["storage.location.template"], given["projection.hour.format"]) == (folder, "yyyy-MM-dd/HH")
    assert (given["projection.hour.interval"], given["projection.hour.interval.unit"]) == ("1", "HOURS")
    assert storage["Columns"] == [{"Name": "line", "Type": "string"}]
    serde = storage["SerdeInfo"]
    assert serde["SerializationLibrary"] == "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
    # An escape would take the backslashes of the JSON, and another delimiter would cut the line.
    assert serde["Parameters"] == {"serialization.format": "1"}


def test_archive_md_answers_are_encrypted_private_and_gone_after_two_days() -> None:
    properties = RESOURCES["ArchiveAnswersBucket"]["Properties"]
    group = RESOURCES["ArchiveWorkGroup"]["Properties"]["WorkGroupConfiguration"]
    (plain,) = RESOURCES["ArchiveAnswersBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert "VersioningConfiguration" not in properties
    (rule,) = properties["LifecycleConfiguration"]["Rules"]
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 1)
    assert rule["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    # Whoever asks cannot have the answer put elsewhere.
    assert group["EnforceWorkGroupConfiguration"] is True
    assert group["ResultConfiguration"]["OutputLocation"] == {"Fn::Sub": "s3://${ArchiveAnswersBucket}/"}
    assert group["ResultConfiguration"]["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert (plain["Effect"], plain["Principal"], plain["Action"]) == ("Deny", "*", "s3:*")
    assert plain["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_export_md_the_files_are_encrypted_private_and_gone_after_eight_days() -> None:
    properties = RESOURCES["ExportBucket"]["Properties"]

    (encryption,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["BucketKeyEnabled"] is True
    by_default = encryption["ServerSideEncryptionByDefault"]
    assert by_default["SSEAlgorithm"] == "aws:kms"
    alias = RESOURCES["ExportKeyAlias"]["Properties"]
    assert by_default["KMSMasterKeyID"]["Fn::Sub"].endswith(":" + alias["AliasName"]["Fn::Sub"])
    assert alias["TargetKeyId"] == {"Ref": "ExportKey"}
    assert RESOURCES["ExportKey"]["Properties"]["EnableKeyRotation"] is True
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    assert "VersioningConfiguration" not in properties
    objects, uploads = properties["LifecycleConfiguration"]["Rules"]
    assert (objects["Status"], uploads["Status"]) == ("Enabled", "Enabled")
    assert objects["ExpirationInDays"] == 8
    assert uploads["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    # A job's day, and the longest retention.
    assert TEMPLATE["Parameters"]["ExportRetentionHours"]["MaxValue"] == 24 * 7


def test_export_md_no_other_role_opens_the_bucket_or_uses_its_key() -> None:
    opens, plain = RESOURCES["ExportBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert {(each["Effect"], each["Principal"]) for each in (opens, plain)} == {("Deny", "*")}
    assert {"s3:GetObject", "s3:PutObject"} <= set(opens["Action"])
    allowed = opens["Condition"]["ArnNotLike"]["aws:PrincipalArn"]
    roles = ("ExportWorkerFunctionRole", "ExportFileFunctionRole")
    assert [each for each in allowed if "Fn::GetAtt" in each] == [{"Fn::GetAtt": [role, "Arn"]} for role in roles]
    sessions = [each["Fn::Sub"] for each in allowed if "Fn::Sub" in each]
    assert [each.rpartition(":")[2] for each in sessions] == [f"assumed-role/${{{role}}}/*" for role in roles]
    assert (plain["Action"], plain["Condition"]) == ("s3:*", {"Bool": {"aws:SecureTransport": "false"}})
    _, *using = RESOURCES["ExportKey"]["Properties"]["KeyPolicy"]["Statement"]
    by_s3 = {"StringEquals": {"kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.${AWS::URLSuffix}"}}}
    assert [each["Condition"] for each in using] == [by_s3, by_s3]


def test_export_md_the_engine_may_invoke_the_worker_alone() -> None:
    machine = RESOURCES["ExportMachine"]["Properties"]

    (policy,) = machine["Policies"]
    (statement,) = policy["Statement"]
    worker = {"Ref": "ExportWorkerFunction.Alias"}
    assert statement == {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": [worker]}
    assert machine["DefinitionSubstitutions"] == {"Worker": worker}
    definition = json.loads((PROJECT / machine["DefinitionUri"]).read_text(encoding="utf-8"))
    assert set(re.findall(r'"Resource": "([^"]*)"', json.dumps(definition))) == {"${Worker}"}


def test_the_verifier_has_a_heartbeat_every_five_minutes_and_verifies_each_day() -> None:
    events = FUNCTIONS["VerifierFunction"]["Events"].values()
    given = {each["Properties"]["Schedule"]: json.loads(each["Properties"]["Input"]) for each in events}

    assert given == {"rate(5 minutes)": {"heartbeat": {}}, "cron(20 0 * * ? *)": {"verify": "yesterday"}}


_FORMATS = ("fhir+json", "json+fhir", "json", "fhir+xml", "xml+fhir", "xml", "x-www-form-urlencoded", "plain")


@pytest.mark.parametrize(
    ("root", "is_http"),
    [("", False), ("https://api.example.org/live", False), ("http://127.0.0.1:3000", True), ("http://localhost", True)],
)
def test_the_root_url_says_whether_http_is_served(root: str, is_http: bool) -> None:
    (equal,) = for_emulator(TEMPLATE, {"BaseUrl": root})["Conditions"]["ServesHttp"]["Fn::Not"]
    joined, given = equal["Fn::Equals"]

    assert given == {"Ref": "BaseUrl"}
    assert (joined != root) is is_http


def test_bodies_reach_the_functions_as_bytes() -> None:
    properties = TEMPLATE["Resources"]["Api"]["Properties"]
    listed = properties["BinaryMediaTypes"]

    # The import of the document would set its own list, the emulator and SAM read the property.
    assert properties["DefinitionBody"]["x-amazon-apigateway-binary-media-types"] == listed
    assert frozenset(listed) == BINARY
    # Every name of a body that the writers take, and no form.
    names = (f"{kind}/{name}" for kind in ("application", "text") for name in _FORMATS)
    assert {name for name in names if body_format(name)} | {JSON_PATCH} == {*listed}


GATEWAY_RESPONSES: dict[str, Any] = API["x-amazon-apigateway-gateway-responses"]


@each_of("kind", GATEWAY_RESPONSES)
def test_a_gateways_own_error_is_an_outcome_with_cors(kind: str) -> None:
    response = GATEWAY_RESPONSES[kind]
    outcome = json.loads(response["responseTemplates"]["application/json"])
    headers = {name.rpartition(".")[2]: value for name, value in response["responseParameters"].items()}

    assert outcome["resourceType"] == "OperationOutcome"
    assert "$" not in json.dumps(outcome)
    assert headers["Content-Type"] == "'application/fhir+json'"
    # A static header cannot depend on the request's origin: with several origins there is none.
    assert TEMPLATE["Conditions"]["AllowsOneOrigin"] == {
        "Fn::Equals": [{"Fn::Join": ["", {"Fn::Split": [",", {"Ref": "AllowedOrigins"}]}]}, {"Ref": "AllowedOrigins"}]
    }
    origin = {"Fn::If": ["AllowsOneOrigin", {"Fn::Sub": "'${AllowedOrigins}'"}, {"Ref": "AWS::NoValue"}]}
    assert headers["Access-Control-Allow-Origin"] == origin
    exposed = "'Retry-After, WWW-Authenticate, X-Request-Id, X-Correlation-Id'"
    assert headers["Access-Control-Expose-Headers"] == exposed
    assert ("Retry-After" in headers) == (response.get("statusCode") in (429, 503, 504))
    # Over http, in local runs, browsers would ignore it (RFC 6797 §8.1).
    transport = {"Fn::If": ["ServesHttp", {"Ref": "AWS::NoValue"}, "'max-age=31536000'"]}
    assert headers["Strict-Transport-Security"] == transport
    # Its own id, and no echo: nothing looks at a caller's header before the gateway would send it back.
    assert headers["X-Request-Id"] == headers["X-Correlation-Id"] == "context.requestId"
    assert headers["Cache-Control"] == "'no-store'"
    assert "method.request" not in json.dumps(response)


@pytest.mark.parametrize(
    ("kind", "status", "challenge", "code"),
    [
        (
            *("UNAUTHORIZED", 401),
            '\'Bearer realm="careconnect", error="invalid_token", DPoP realm="careconnect", algs="ES256 PS256 EdDSA"\'',
            "login",
        ),
        ("ACCESS_DENIED", 403, '\'Bearer realm="careconnect", error="insufficient_scope"\'', "forbidden"),
        ("MISSING_AUTHENTICATION_TOKEN", 404, None, "not-supported"),
        ("THROTTLED", 429, None, "throttled"),
        ("AUTHORIZER_FAILURE", 503, None, "transient"),
        ("AUTHORIZER_CONFIGURATION_ERROR", 503, None, "transient"),
        ("DEFAULT_4XX", None, None, "invalid"),
        ("DEFAULT_5XX", None, None, "exception"),
    ],
)
def test_access_md_errors_of_the_gateway(kind: str, status: int | None, challenge: str | None, code: str) -> None:
    response = GATEWAY_RESPONSES[kind]

    assert response.get("statusCode") == status
    assert response["responseParameters"].get("gatewayresponse.header.WWW-Authenticate") == challenge
    assert json.loads(response["responseTemplates"]["application/json"])["issue"][0]["code"] == code


def test_who_is_denied_is_reported_where_to_look() -> None:
    issue = json.loads(GATEWAY_RESPONSES["ACCESS_DENIED"]["responseTemplates"]["application/json"])["issue"][0]

    assert "/openapi.json" in PATHS
    for named in (
        "openapi.json",
        "scope",
        "user/Patient.r",
        "user/Patient.s",
        ".c",
        ".u",
        ".d",
        "PATCH",
        "single slashes",
    ):
        assert named in issue["diagnostics"]


# API Gateway's developer guide, "Gateway response types": the default status of each case.
_STATUSES = {
    "ACCESS_DENIED": 403,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "EXPIRED_TOKEN": 403,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "RESOURCE_NOT_FOUND": 404,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
    "WAF_FILTERED": 403,
}


@pytest.mark.parametrize("kind", _STATUSES)
def test_a_default_changes_no_status_and_a_403_says_forbidden(kind: str) -> None:
    """A status of DEFAULT_4XX would be the status of every case that is not named (the same guide)."""
    response = GATEWAY_RESPONSES.get(kind, GATEWAY_RESPONSES["DEFAULT_4XX"])
    code = json.loads(response["responseTemplates"]["application/json"])["issue"][0]["code"]

    # A path without a route is answered 404, and not as a missing authentication token.
    expected = 404 if kind == "MISSING_AUTHENTICATION_TOKEN" else _STATUSES[kind]
    assert response.get("statusCode", _STATUSES[kind]) == expected
    assert (code == "forbidden") == (expected == 403)


def test_the_contracts_parameters_have_its_defaults_and_bounds() -> None:
    parameters = TEMPLATE["Parameters"]

    lifetime = parameters["TokenLifetimeSeconds"]
    assert (lifetime["Default"], lifetime["MinValue"], lifetime["MaxValue"]) == (3600, 60, 5400)
    assert parameters["ThrottleFailures"]["Default"] == 20
    assert parameters["Architecture"]["Default"] == "x86_64"


@pytest.mark.parametrize(
    ("root", "taken"),
    [
        ("", True),
        ("https://api.example.org/live", True),
        ("http://127.0.0.1:3000", True),
        ("http://localhost:3000", True),
        ("http://api.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("http://localhost.example.org", False),
        ("http://localhost@example.org", False),
        ("ftp://127.0.0.1", False),
        ("api.example.org", False),
    ],
)
def test_a_root_url_is_https_or_of_this_machine(root: str, taken: bool) -> None:
    pattern = TEMPLATE["Parameters"]["BaseUrl"]["AllowedPattern"]

    assert (re.fullmatch(pattern, root) is not None) is taken
