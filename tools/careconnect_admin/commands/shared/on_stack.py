"""Common parts of the commands that work on a stack: the options that name it, and one-line errors."""

import functools
import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, TypeVar

import typer

from careconnect_admin.commands.shared.progress import working
from careconnect_admin.commands.shared.terminal import remark
from careconnect_admin.errors import OperatorError

if TYPE_CHECKING:
    from careconnect_admin.auditing.audited_clients import AuditedClientRegistry
    from careconnect_admin.auditing.audited_key_ring import AuditedKeyRing
    from careconnect_admin.auditing.audited_revocations import RecordedRevocations
    from careconnect_admin.auditing.operator_events import OperatorEvents
    from careconnect_admin.stack.target import StackTarget

Given = TypeVar("Given")

StackOption = Annotated[str | None, typer.Option("--stack", help="The deployed stack, instead of the local one.")]
RegionOption = Annotated[str | None, typer.Option("--region", help="The AWS region of the stack.")]
ProfileOption = Annotated[str | None, typer.Option("--profile", help="The AWS profile to sign in with.")]
PortOption = Annotated[int | None, typer.Option("--port", help="The port of the local stack, if several run.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def operator_errors() -> Iterator[None]:
    """Turn an `OperatorError` into one line on standard error and exit code 1."""
    try:
        yield
    except OperatorError as error:
        remark(f"careconnect: {error}")
        raise typer.Exit(1) from None


@contextmanager
def found_stack(
    stack: StackOption = None,
    region: RegionOption = None,
    profile: ProfileOption = None,
    port: PortOption = None,
) -> "Iterator[StackTarget]":
    """Find the stack that the options name, print its name on standard error, and yield it.

    AWS errors in the body are raised as `OperatorError`.
    """
    # Imported here, so that `careconnect --help` does not load AWS's SDK.
    from careconnect_admin.stack import target
    from careconnect_admin.stack.aws_errors import aws_remedies

    with aws_remedies():
        with working("Finding the stack"):
            found = target.stack_target(stack, region, profile, port)
        remark(f"careconnect: on the stack {found.name} ({found.place})")
        yield found


def given_by(
    provider: "Callable[..., AbstractContextManager[Given]]",
) -> "Callable[[Callable[Concatenate[Given, ...], None]], Callable[..., None]]":
    """Return a decorator that passes the value yielded by `provider` as a command's first parameter.

    The command has the options of `provider` instead of that parameter. An `OperatorError` of either is handled by
    `operator_errors`.
    """
    where = inspect.signature(provider).parameters

    def made(command: "Callable[Concatenate[Given, ...], None]") -> Callable[..., None]:
        _, *own = inspect.signature(command).parameters.values()

        @functools.wraps(command)
        def with_options(**given: Any) -> None:
            options = {name: given.pop(name) for name in where}
            with operator_errors(), provider(**options) as first:
                command(first, **given)

        parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *where.values())]
        with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        # typer reads the annotations too, and must not see the first parameter's type.
        with_options.__annotations__ = {each.name: each.annotation for each in parameters}
        return with_options

    return made


on_stack = given_by(found_stack)
"""Decorator that makes a command of a function that has the stack as its first parameter."""


def _record(target: "StackTarget") -> "Callable[[], OperatorEvents]":
    """Return a function that opens the stack's audit trail on first use, because commands that only read need none."""

    @functools.cache
    def opened() -> "OperatorEvents":
        from careconnect_admin.auditing.open_trail import operator_record

        return operator_record(target)

    return opened


def client_registry(target: "StackTarget") -> "AuditedClientRegistry":
    """Return the audited client registry of a stack."""
    from careconnect_admin.auditing.audited_clients import AuditedClientRegistry
    from careconnect_admin.clients.registry import DynamoDbClientRegistry

    clients = DynamoDbClientRegistry(target.client("dynamodb"), target.output("ClientTable"))
    return AuditedClientRegistry(clients, _record(target))


def key_ring(target: "StackTarget") -> "AuditedKeyRing":
    """Return the audited signing keys of a stack."""
    from careconnect_admin.auditing.audited_key_ring import AuditedKeyRing

    return AuditedKeyRing(target.client("kms"), target.output("SigningKeyAlias"), _record(target))


def token_revocations(target: "StackTarget") -> "RecordedRevocations":
    """Return the audited token revocation of a stack; its messages go to standard error."""
    from careconnect_admin.auditing.audited_revocations import RecordedRevocations
    from careconnect_admin.clients.token_revocation import DynamoDbTokenRevocations

    def tell(text: str) -> None:
        remark(f"careconnect: {text}")

    def sleep(seconds: float) -> None:
        with working("Ending the tokens"):
            time.sleep(seconds)

    revocations = DynamoDbTokenRevocations(
        target.client("dynamodb"), target.output("TokenTable"), tell=tell, clock=time.time, sleep=sleep
    )
    clients = client_registry(target)
    return RecordedRevocations(revocations, _record(target), lambda client_id: clients.find(client_id) is not None)
