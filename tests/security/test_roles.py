"""The operations that each function's role may do with each table and key, tried with IAM enforced."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from careconnect.oauth.signing_keys import KMS_ALGORITHM, KMS_PSS_ALGORITHM
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.emulator_client import Credentials, emulator_client
from careconnect_testing.stacks.granted import GRANTED, KEYS_GRANTED

pytestmark = pytest.mark.integration

_ONE: dict[str, Any] = {"pk": {"S": "none"}}
_TWO: dict[str, Any] = {**_ONE, "sk": {"S": "none"}}
KEYS = {
    "ClientTable": {"client_id": {"S": "none"}},
    "TokenTable": _ONE,
    "RecordTable": _TWO,
    "DirectoryTable": _TWO,
    "ReferenceTable": _ONE,
    "TransactionTable": _TWO,
    "DirectoryTransactionTable": _TWO,
    "UsageTable": _ONE,
    "ProofTable": _ONE,
    "AuditTable": _TWO,
    "ExportTable": _TWO,
}
DENIED = "AccessDeniedException"


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left(local_stack: LocalStack) -> Iterator[None]:
    """Delete every item that a role could write, since other tests read the same tables."""
    yield
    for table, key in KEYS.items():
        local_stack.client("dynamodb").delete_item(TableName=local_stack.stack.outputs[table], Key=key)


def refusal(stack: LocalStack, function: str, service: str, call: str, **arguments: object) -> str:
    """Make a call under a function's role and return the error's code, empty if it succeeds."""
    try:
        getattr(stack.role_client(service, function), call)(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


Try = Callable[[str, dict[str, Any]], tuple[str, dict[str, Any]]]


def _transacted(kind: str, **more: Any) -> Try:
    return lambda table, _key: ("transact_write_items", {"TransactItems": [{kind: {"TableName": table, **more}}]})


def _queried(table: str, key: dict[str, Any], **more: Any) -> tuple[str, dict[str, Any]]:
    name, value = next(iter(key.items()))
    condition = {"KeyConditionExpression": f"{name} = :key", "ExpressionAttributeValues": {":key": value}}
    return "query", {"TableName": table, **condition, **more}


def _inserted(table: str, key: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    members = ",".join(f"'{name}':?" for name in key)
    statement = {"Statement": f'INSERT INTO "{table}" VALUE {{{members}}}', "Parameters": list(key.values())}
    return "batch_execute_statement", {"Statements": [statement]}


# Each operation on an item, with the IAM action that it needs.
WAYS: list[tuple[str, str, Try]] = [
    ("read", "dynamodb:GetItem", lambda table, key: ("get_item", {"TableName": table, "Key": key})),
    (
        "reads",
        "dynamodb:BatchGetItem",
        lambda table, key: ("batch_get_item", {"RequestItems": {table: {"Keys": [key]}}}),
    ),
    ("query", "dynamodb:Query", _queried),
    ("scan", "dynamodb:Scan", lambda table, _key: ("scan", {"TableName": table})),
    ("put", "dynamodb:PutItem", lambda table, key: ("put_item", {"TableName": table, "Item": key})),
    (
        "put in a transaction",
        "dynamodb:PutItem",
        lambda table, key: _transacted("Put", Item=key)(table, key),
    ),
    ("insert", "dynamodb:PartiQLInsert", _inserted),
    ("update", "dynamodb:UpdateItem", lambda table, key: ("update_item", {"TableName": table, "Key": key})),
    ("delete", "dynamodb:DeleteItem", lambda table, key: ("delete_item", {"TableName": table, "Key": key})),
    (
        "delete in a transaction",
        "dynamodb:DeleteItem",
        lambda table, key: _transacted("Delete", Key=key)(table, key),
    ),
    (
        "check",
        "dynamodb:ConditionCheckItem",
        lambda table, key: _transacted("ConditionCheck", Key=key, ConditionExpression="attribute_not_exists(nothing)")(
            table, key
        ),
    ),
    (
        "puts",
        "dynamodb:BatchWriteItem",
        lambda table, key: ("batch_write_item", {"RequestItems": {table: [{"PutRequest": {"Item": key}}]}}),
    ),
    (
        "deletes",
        "dynamodb:BatchWriteItem",
        lambda table, key: ("batch_write_item", {"RequestItems": {table: [{"DeleteRequest": {"Key": key}}]}}),
    ),
    (
        "the table's end",
        "dynamodb:DeleteTable",
        lambda table, _key: ("delete_table", {"TableName": table}),
    ),
    (
        "another time to live",
        "dynamodb:UpdateTimeToLive",
        lambda table, _key: (
            "update_time_to_live",
            {"TableName": table, "TimeToLiveSpecification": {"Enabled": True, "AttributeName": "at"}},
        ),
    ),
]


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("function", GRANTED)
def test_a_role_may_do_with_a_table_what_its_job_takes_and_is_denied_all_else(
    local_stack: LocalStack, function: str, table: str
) -> None:
    name = local_stack.stack.outputs[table]

    for way, action, make in WAYS:
        call, arguments = make(name, KEYS[table])
        expected = "" if (action, table) in GRANTED[function] else DENIED
        assert refusal(local_stack, function, "dynamodb", call, **arguments) == expected, way


@pytest.mark.parametrize("function", GRANTED)
def test_the_index_by_patient_is_the_auditors_alone(local_stack: LocalStack, function: str) -> None:
    call, arguments = _queried(
        local_stack.stack.outputs["AuditTable"], {"patient": {"S": "4"}}, IndexName="by-patient-2"
    )

    is_granted = ("dynamodb:Query", "AuditTable/by-patient-2") in GRANTED[function]
    assert is_granted == (function == "AuditFunction")
    assert refusal(local_stack, function, "dynamodb", call, **arguments) == ("" if is_granted else DENIED)


@pytest.mark.parametrize("function", GRANTED)
def test_of_the_proofs_a_role_reads_the_key_of_the_nonces_at_most(local_stack: LocalStack, function: str) -> None:
    table = local_stack.stack.outputs["ProofTable"]

    is_granted = ("dynamodb:GetItem", "ProofTable/nonce-key") in GRANTED[function]
    assert is_granted == (("dynamodb:PutItem", "ProofTable") in GRANTED[function])
    for key, expected in (("nonce-key", "" if is_granted else DENIED), ("nonce-key-2", DENIED), ("none", DENIED)):
        found = refusal(local_stack, function, "dynamodb", "get_item", TableName=table, Key={"pk": {"S": key}})
        assert found == expected, key


def test_nobody_changes_or_removes_what_is_recorded_and_two_functions_alone_read_it() -> None:
    rights = {
        (function, action) for function, held in GRANTED.items() for action, table in held if table == "AuditTable"
    }

    assert {action for _, action in rights} == {
        *("dynamodb:PartiQLInsert", "dynamodb:PutItem", "dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
    }
    # A put may overwrite an existing event, so only roles that need it in a transaction have it.
    assert {function for function, action in rights if action == "dynamodb:PutItem"} == {
        *("RecordWriterFunction", "DirectoryWriterFunction", "BundleFunction"),
    }
    reads = ("dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query")
    reading = {function for function, action in rights if action in reads}
    assert reading == {"AuditFunction", "VerifierFunction"}


# Each operation on an object of the archive, with the IAM action that it needs.
OBJECT_WAYS: list[tuple[str, str, dict[str, Any]]] = [
    ("s3:PutObject", "put_object", {"Key": "roles", "Body": b""}),
    ("s3:GetObject", "get_object", {"Key": "roles"}),
    ("s3:GetObjectVersion", "get_object", {"Key": "roles", "VersionId": "none"}),
    ("s3:DeleteObject", "delete_object", {"Key": "roles"}),
    ("s3:DeleteObjectVersion", "delete_object", {"Key": "roles", "VersionId": "none"}),
    ("s3:ListBucketVersions", "list_object_versions", {"Prefix": "roles"}),
    ("s3:ListBucket", "list_objects_v2", {}),
    ("s3:PutLifecycleConfiguration", "put_bucket_lifecycle_configuration", {"LifecycleConfiguration": {"Rules": []}}),
    ("s3:PutBucketPolicy", "put_bucket_policy", {"Policy": "{}"}),
    ("s3:DeleteBucket", "delete_bucket", {}),
]


@pytest.mark.parametrize("function", GRANTED)
def test_a_role_may_do_with_the_archive_what_its_job_takes_and_is_denied_all_else(
    local_stack: LocalStack, function: str
) -> None:
    bucket = local_stack.stack.outputs["ArchiveBucket"]
    held = {action for action, resource in GRANTED[function] if resource.startswith("ArchiveBucket")}

    for action, call, arguments in OBJECT_WAYS:
        found = refusal(local_stack, function, "s3", call, Bucket=bucket, **arguments)
        assert (found == "AccessDenied") == (action not in held), (action, found)


@pytest.mark.parametrize("function", GRANTED)
def test_export_md_a_role_may_do_with_the_files_of_exports_what_its_job_takes_and_is_denied_all_else(
    local_stack: LocalStack, function: str
) -> None:
    bucket = local_stack.stack.outputs["ExportBucket"]
    held = {action for action, resource in GRANTED[function] if resource.startswith("ExportBucket")}

    for action, call, arguments in OBJECT_WAYS:
        in_job = {"Key": "none/files/roles"} if "Key" in arguments else {}
        found = refusal(local_stack, function, "s3", call, Bucket=bucket, **arguments | in_job)
        assert (found == "AccessDenied") == (action not in held), (action, found)
    # Whose data a job holds is for the worker alone.
    found = refusal(local_stack, function, "s3", "get_object", Bucket=bucket, Key="none/patients/roles")
    assert (found == "AccessDenied") == (function != "ExportWorkerFunction")


def test_export_md_the_engine_is_started_and_the_worker_invoked_by_the_endpoints_function_alone(
    local_stack: LocalStack,
) -> None:
    machine = {"stateMachineArn": local_stack.stack.outputs["ExportMachine"], "input": "{}"}
    worker = {"FunctionName": local_stack.stack.resources["ExportWorkerFunctionAliaslive"], "InvocationType": "DryRun"}
    for function, rights in GRANTED.items():
        if ("states:StartExecution", "ExportMachine") not in rights:
            assert refusal(local_stack, function, "stepfunctions", "start_execution", **machine) == DENIED
        if ("lambda:InvokeFunction", "ExportWorkerFunction") not in rights:
            assert refusal(local_stack, function, "lambda", "invoke", **worker) == DENIED


def test_export_md_an_administrator_reads_no_file(local_stack: LocalStack) -> None:
    bucket = local_stack.stack.outputs["ExportBucket"]
    with administrator(local_stack) as client:
        assert client.list_objects_v2(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
        for call, arguments in (("put_object", {"Body": b""}), ("get_object", {})):
            with pytest.raises(ClientError, match="AccessDenied"):
                getattr(client, call)(Bucket=bucket, Key="none/files/admin", **arguments)


@contextmanager
def administrator(stack: LocalStack) -> Iterator[Any]:
    """Yield a client for S3 of a user who may do everything there."""
    identity = stack.client("iam")
    name = "administrator-of-buckets"
    identity.create_user(UserName=name)
    allowed = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    identity.put_user_policy(UserName=name, PolicyName="all", PolicyDocument=document)
    key = identity.create_access_key(UserName=name)["AccessKey"]
    try:
        yield emulator_client("s3", stack.endpoint, Credentials(key["AccessKeyId"], key["SecretAccessKey"]))
    finally:
        identity.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        identity.delete_user_policy(UserName=name, PolicyName="all")
        identity.delete_user(UserName=name)


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("put_object", {"Key": "admin", "Body": b""}),
        ("delete_object", {"Key": "admin"}),
        ("delete_object", {"Key": "admin", "VersionId": "none"}),
    ],
)
def test_an_administrator_neither_puts_into_the_archive_nor_deletes_from_it(
    local_stack: LocalStack, call: str, arguments: dict[str, Any]
) -> None:
    bucket = local_stack.stack.outputs["ArchiveBucket"]
    with administrator(local_stack) as client:
        assert client.list_object_versions(Bucket=bucket)["ResponseMetadata"]["HTTPStatusCode"] == 200
        with pytest.raises(ClientError, match="AccessDenied"):
            getattr(client, call)(Bucket=bucket, **arguments)


def test_the_directorys_writer_cannot_put_a_record_into_its_transaction(local_stack: LocalStack) -> None:
    outputs = local_stack.stack.outputs
    own = {"Put": {"TableName": outputs["DirectoryTable"], "Item": KEYS["DirectoryTable"]}}
    record = {"Put": {"TableName": outputs["RecordTable"], "Item": KEYS["RecordTable"]}}

    def write(function: str, *items: object) -> str:
        return refusal(local_stack, function, "dynamodb", "transact_write_items", TransactItems=list(items))

    assert write("DirectoryWriterFunction", own) == ""
    assert write("DirectoryWriterFunction", own, record) == DENIED
    assert write("RecordWriterFunction", record) == ""
    assert write("RecordWriterFunction", record, own) == DENIED


_SIGNED = {"Message": b"x", "MessageType": "RAW", "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
_MACED = {"Message": b"x", "MacAlgorithm": "HMAC_SHA_256"}
KEY_WAYS: list[tuple[str, str, dict[str, Any]]] = [
    ("kms:Sign", "sign", _SIGNED),
    ("kms:GetPublicKey", "get_public_key", {}),
    ("kms:GenerateMac", "generate_mac", _MACED),
    ("kms:VerifyMac", "verify_mac", {**_MACED, "Mac": b"0" * 32}),
    ("kms:DisableKey", "disable_key", {}),
    ("kms:ScheduleKeyDeletion", "schedule_key_deletion", {}),
    ("kms:PutKeyPolicy", "put_key_policy", {"Policy": "{}"}),
    ("kms:CreateGrant", "create_grant", {"GranteePrincipal": "arn:aws:iam::000000000000:root", "Operations": ["Sign"]}),
]


def test_the_issuer_signs_by_the_algorithms_of_access_tokens_alone(local_stack: LocalStack) -> None:
    key_id = local_stack.stack.resources["SigningKey"]

    def sign(algorithm: str) -> str:
        wanted = {**_SIGNED, "SigningAlgorithm": algorithm}
        return refusal(local_stack, "TokenFunction", "kms", "sign", KeyId=key_id, **wanted)

    assert [sign(name) for name in (KMS_ALGORITHM, KMS_PSS_ALGORITHM)] == ["", ""]
    others = [f"{family}_SHA_{size}" for family in ("RSASSA_PKCS1_V1_5", "RSASSA_PSS") for size in (384, 512)]
    assert [sign(name) for name in others] == [DENIED] * 4


@pytest.mark.parametrize("key", ["SigningKey"])
@pytest.mark.parametrize("function", GRANTED)
def test_a_role_may_do_with_a_key_what_its_job_takes_and_is_denied_all_else(
    local_stack: LocalStack, function: str, key: str
) -> None:
    key_id = local_stack.stack.resources[key]

    for action, call, arguments in KEY_WAYS:
        found = refusal(local_stack, function, "kms", call, KeyId=key_id, **arguments)
        if (action, key) in KEYS_GRANTED[function]:
            # A MAC that is none of the key's is refused for that, which shows that it was looked at.
            assert found in ("", "KMSInvalidMacException"), action
        else:
            assert found == DENIED, action
