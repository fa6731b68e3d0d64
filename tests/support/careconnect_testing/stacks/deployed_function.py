"""A deployed function run in this process with its own handler, settings and role, recording its AWS calls."""

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.validate import ParamValidator

from careconnect.runtime import aws
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.stack.emulator_client import REGION
from careconnect_testing.dynamodb.transactions import inserted

Right = tuple[str, str]
"""An IAM action, and the logical id of its resource; an index as `AuditTable/by-patient-2`, the one item of the table
of proofs that may be read as `ProofTable/nonce-key`."""

Handler = Callable[[Mapping[str, Any], Any], dict[str, Any]]

_TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
_OF_OBJECTS = {
    "PutObject": "PutObject",
    "GetObject": "GetObject",
    "DeleteObjects": "DeleteObject",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
}


@contextmanager
def function_here(stack: LocalStack, function: str, package: str) -> Iterator[tuple[Handler, set[Right]]]:
    """Compose a function of the stack anew under its role, enforced by IAM, and yield it and the set of rights it uses.

    Each of its calls is validated against AWS's service description, as boto3 would do by itself (ADR 29).
    """
    used: set[Right] = set()
    names = {physical: logical for logical, physical in stack.stack.resources.items()}
    # A rotation may have made a key that the stack knows by its alias alone.
    aliases = stack.client("kms").list_aliases()["Aliases"]
    names = {each["TargetKeyId"]: names[each["AliasName"]] for each in aliases if each["AliasName"] in names} | names

    def fail_calls(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        used.update(_rights(model.service_model.service_name, model.name, params, names))
        report = ParamValidator().validate(params, model.input_shape)
        assert not report.has_errors(), f"{model.name}: {report.generate_report()}"

    with deployed_handler(stack, function, package, asked=fail_calls) as handler:
        yield handler, used


@contextmanager
def deployed_handler(
    stack: LocalStack, function: str, package: str, *, endpoint: str = "", asked: Callable[..., None] | None = None
) -> Iterator[Handler]:
    """Compose a function of the stack anew under its role; its calls go to the stack's endpoint, or to another.

    `asked` handles each call, as a handler of boto3's event `provide-client-params`.
    """
    with pytest.MonkeyPatch.context() as patch:
        settings = _settings(stack, function) | ({"AWS_ENDPOINT_URL": endpoint} if endpoint else {})
        for name, value in {**settings, **_role(stack, function)}.items():
            patch.setenv(name, value)
        aws.session.cache_clear()
        if asked:
            aws.session().get_component("event_emitter").register("provide-client-params", asked)
        sys.modules.pop(f"{package}.handler", None)
        known = set(sys.modules)
        try:
            yield importlib.import_module(f"{package}.handler").lambda_handler
        finally:
            # The next import of these modules must find nothing that was created for this role.
            for name in set(sys.modules) - known:
                if name.partition(".")[0] == package:
                    del sys.modules[name]
            aws.session.cache_clear()


def _settings(stack: LocalStack, function: str) -> dict[str, str]:
    """Return the environment that a function is deployed with."""
    found = stack.client("lambda").get_function_configuration(FunctionName=stack.stack.resources[function])
    settings: dict[str, str] = found["Environment"]["Variables"]
    return {**settings, "AWS_ENDPOINT_URL": stack.endpoint, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}


def _role(stack: LocalStack, function: str) -> dict[str, str]:
    credentials = stack.role_credentials(function)
    return {
        "AWS_ACCESS_KEY_ID": credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_access_key,
        "AWS_SESSION_TOKEN": credentials.session_token or "",
    }


def _rights(service: str, operation: str, params: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Right]:
    if service == "kms":
        # By an alias, or by the ARN of a key, which ends in its id.
        key_id = str(params["KeyId"])
        yield f"kms:{operation}", names.get(key_id.rpartition("key/")[2], key_id)
    elif service == "s3":
        of_objects = "Key" in params or "Delete" in params
        version = "Version" if "VersionId" in params else ""
        yield f"s3:{_OF_OBJECTS[operation]}{version}", names[params["Bucket"]] + ("/*" if of_objects else "")
    elif service == "stepfunctions":
        yield f"states:{operation}", names[params["stateMachineArn"]]
    elif service == "lambda":
        # By the ARN of its alias.
        yield "lambda:InvokeFunction", names[params["FunctionName"].split(":")[6]]
    elif operation == "TransactWriteItems":
        for action in params["TransactItems"]:
            ((kind, request),) = action.items()
            yield f"dynamodb:{_TRANSACTED[kind]}", names[request["TableName"]]
    elif operation == "BatchExecuteStatement":
        for statement in params["Statements"]:
            table, _ = inserted(statement)
            yield "dynamodb:PartiQLInsert", names[table]
    elif operation in ("BatchGetItem", "BatchWriteItem"):
        for table in params["RequestItems"]:
            yield f"dynamodb:{operation}", names[table]
    else:
        table = names[params["TableName"]]
        is_of_proofs = (operation, table) == ("GetItem", "ProofTable")
        within = params["Key"]["pk"]["S"] if is_of_proofs else params.get("IndexName")
        yield f"dynamodb:{operation}", f"{table}/{within}" if within else table
