"""The command line on a moto stack, and the audit trail that it leaves."""

import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from careconnect_admin.cli import app
from careconnect_admin.commands.shared import on_stack
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.parts.issuer import ALIAS, AUDIT_TABLE, CLIENT_TABLE, TOKEN_TABLE, Issuer, built_issuer


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with built_issuer(tables_of_moto=True) as issuer:
        yield issuer


@pytest.fixture
def target(issuer: Issuer) -> StackTarget:
    """Return the stack of moto's, as it is deployed."""
    outputs = {
        "ClientTable": CLIENT_TABLE,
        "TokenTable": TOKEN_TABLE,
        "AuditTable": AUDIT_TABLE,
        "SigningKeyAlias": ALIAS,
        "RecordTable": "records",
    }
    return StackTarget("stack", outputs, lambda service: getattr(issuer, service))


@pytest.fixture
def run(target: StackTarget, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Return a runner of `careconnect …` on that stack."""
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    monkeypatch.setattr(on_stack, "time", SimpleNamespace(time=time.time, sleep=lambda _: None))
    monkeypatch.setattr("time.sleep", lambda _: None)
    return lambda *arguments, **options: CliRunner().invoke(app, arguments, **options)
