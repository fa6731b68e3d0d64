"""What each function's role may do with each table and the signing key, by trying it with IAM enforced."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from careconnect_admin.local.local_stack import LocalStack

pytestmark = pytest.mark.integration

FUNCTIONS = (
    "TokenFunction",
    "AuthorizerFunction",
    "PatientRecordFunction",
    "DirectoryFunction",
    "RecordWriterFunction",
    "DirectoryWriterFunction",
    "DiscoveryFunction",
    "ConsoleFunction",
)
KEYS = {
    "ClientTable": {"client_id": {"S": "none"}},
    "TokenTable": {"pk": {"S": "none"}},
    "RecordTable": {"pk": {"S": "none"}, "sk": {"S": "none"}},
    "DirectoryTable": {"pk": {"S": "none"}, "sk": {"S": "none"}},
    "ReferenceTable": {"pk": {"S": "none"}},
    "AllowanceTable": {"pk": {"S": "none"}},
}
WRITING = {"RecordWriterFunction", "DirectoryWriterFunction"}
READERS: dict[str, set[str]] = {
    "ClientTable": {"TokenFunction"},
    "TokenTable": {"TokenFunction", "AuthorizerFunction"},
    "RecordTable": {"PatientRecordFunction", "RecordWriterFunction"},
    "DirectoryTable": {"PatientRecordFunction", "DirectoryFunction", *WRITING},
    "ReferenceTable": WRITING,
    "AllowanceTable": set(),
}
WRITERS: dict[str, set[str]] = {
    "ClientTable": set(),
    "TokenTable": {"TokenFunction"},
    "RecordTable": {"RecordWriterFunction"},
    "DirectoryTable": {"DirectoryWriterFunction"},
    "ReferenceTable": set(),
    "AllowanceTable": set(),
}
UPDATERS = {
    **WRITERS,
    "ReferenceTable": WRITING,
    "AllowanceTable": {"PatientRecordFunction", "DirectoryFunction"},
}
# What a writer's transactions are made of beside these.
DELETERS = {**WRITERS, "TokenTable": set()}
CHECKERS = {**DELETERS, "ReferenceTable": WRITING}


@pytest.fixture(autouse=True, scope="module")
def nothing_is_left(local_stack: LocalStack) -> Iterator[None]:
    """What a role could write is taken away again: other tests read the same tables."""
    yield
    for table in ("RecordTable", "DirectoryTable", "ReferenceTable"):
        local_stack.client("dynamodb").delete_item(TableName=local_stack.stack.outputs[table], Key=KEYS[table])


def refusal(stack: LocalStack, function: str, service: str, call: str, **arguments: object) -> str:
    """Make a call under a function's role and return the error's code, empty if it succeeds."""
    try:
        getattr(stack.role_client(service, function), call)(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_reads_and_writes_the_tables_of_its_job_alone(
    local_stack: LocalStack, function: str, table: str
) -> None:
    name = local_stack.stack.outputs[table]

    reads = {
        refusal(local_stack, function, "dynamodb", "get_item", TableName=name, Key=KEYS[table]),
        refusal(local_stack, function, "dynamodb", "batch_get_item", RequestItems={name: {"Keys": [KEYS[table]]}}),
    }
    write = refusal(local_stack, function, "dynamodb", "put_item", TableName=name, Item=KEYS[table])
    update = refusal(local_stack, function, "dynamodb", "update_item", TableName=name, Key=KEYS[table])

    # A function that reads a table may have the one action that it uses; to any other both are denied.
    assert ("" in reads) == (function in READERS[table])
    assert reads <= {"", "AccessDeniedException"}
    assert write == ("" if function in WRITERS[table] else "AccessDeniedException")
    assert update == ("" if function in UPDATERS[table] else "AccessDeniedException")


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_role_deletes_and_checks_in_the_table_that_it_writes_alone(
    local_stack: LocalStack, function: str, table: str
) -> None:
    name, key = local_stack.stack.outputs[table], KEYS[table]
    absent = {"TableName": name, "Key": key, "ConditionExpression": "attribute_not_exists(nothing)"}

    delete = refusal(local_stack, function, "dynamodb", "delete_item", TableName=name, Key=key)
    check = refusal(
        local_stack, function, "dynamodb", "transact_write_items", TransactItems=[{"ConditionCheck": absent}]
    )

    assert delete == ("" if function in DELETERS[table] else "AccessDeniedException")
    assert check == ("" if function in CHECKERS[table] else "AccessDeniedException")


def test_the_directorys_writer_cannot_put_a_record_into_its_transaction(local_stack: LocalStack) -> None:
    outputs = local_stack.stack.outputs
    own = {"Put": {"TableName": outputs["DirectoryTable"], "Item": KEYS["DirectoryTable"]}}
    record = {"Put": {"TableName": outputs["RecordTable"], "Item": KEYS["RecordTable"]}}

    def write(function: str, *items: object) -> str:
        return refusal(local_stack, function, "dynamodb", "transact_write_items", TransactItems=list(items))

    assert write("DirectoryWriterFunction", own) == ""
    assert write("DirectoryWriterFunction", own, record) == "AccessDeniedException"
    assert write("RecordWriterFunction", record) == ""
    assert write("RecordWriterFunction", record, own) == "AccessDeniedException"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nobody_scans(local_stack: LocalStack, function: str) -> None:
    for table in KEYS:
        name = local_stack.stack.outputs[table]
        assert refusal(local_stack, function, "dynamodb", "scan", TableName=name) == "AccessDeniedException"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_only_the_token_function_signs(local_stack: LocalStack, function: str) -> None:
    code = refusal(
        local_stack,
        function,
        "kms",
        "sign",
        KeyId=local_stack.stack.resources["SigningKey"],
        Message=b"x",
        MessageType="RAW",
        SigningAlgorithm="RSASSA_PKCS1_V1_5_SHA_256",
    )

    assert code == ("" if function == "TokenFunction" else "AccessDeniedException")
