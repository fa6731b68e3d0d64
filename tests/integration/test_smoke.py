"""`careconnect smoke` on the deployed template: every check holds, and the report lists those it could not make."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from careconnect.http.base_url import FHIR_PATH
from careconnect_admin.checks.service import Service
from careconnect_admin.checks.smoke import BOUND_CHECKS, CHECKS
from careconnect_admin.cli import app
from careconnect_admin.clients.demo import PATIENT_ACCESS, DemoClient, register
from careconnect_admin.clients.registry import DynamoDbClientRegistry
from careconnect_admin.local.local_stack import LocalStack
from careconnect_admin.project import PROJECT

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("sample")]

WRITING = "a resource is created, read, updated and deleted"

Register = Callable[..., DemoClient]


@pytest.fixture
def registered(local_stack: LocalStack) -> Register:
    """Register a new client: wrong secrets of other tests would throttle a shared one."""
    registry = DynamoDbClientRegistry(local_stack.client("dynamodb"), local_stack.stack.outputs["ClientTable"])

    def register_one(*scopes: str) -> DemoClient:
        client = DemoClient(f"smoke-{secrets.token_hex(8)}", "Smoke", secrets.token_urlsafe(64), scopes)
        register([client], registry)
        return client

    return register_one


@pytest.fixture
def client(registered: Register) -> DemoClient:
    """A client with the scopes of the one that the page documents."""
    return registered(*PATIENT_ACCESS.scopes)


def _smoke(client: DemoClient, base: str, *options: str) -> Result:
    environment = {"CLIENT_ID": client.client_id, "CLIENT_SECRET": client.secret}
    return CliRunner().invoke(app, ["smoke", base, *options], env=environment)


def test_every_check_holds_on_the_local_stack(local_stack: LocalStack, client: DemoClient) -> None:
    result = _smoke(client, local_stack.base_url)

    lines = result.stdout.splitlines()
    assert [line for line in lines if line.startswith("ok")] == [
        f"ok      {check.name}" for check in CHECKS if check.name not in ("plain HTTP is not served", WRITING)
    ]
    assert "limit   plain HTTP is not served: BASE is plain HTTP" in lines
    assert any(line.startswith(f"skipped {WRITING}: this client may not create") for line in lines)
    assert (result.exit_code, lines[-1]) == (0, f"{len(CHECKS)} checks, 0 failed")


def test_a_client_that_writes_shows_it_and_leaves_nothing(
    local_stack: LocalStack,
    clients: tuple[DemoClient, ...],
    http: httpx.Client,
    bearer: Callable[[DemoClient], dict[str, str]],
) -> None:
    (editor,) = (client for client in clients if client.client_id == "editor")

    result = _smoke(editor, local_stack.base_url)

    assert f"ok      {WRITING}" in result.stdout.splitlines()
    found = http.get(
        f"{FHIR_PATH}/Location?identifier=urn:careconnect:smoke%7C&_summary=count",
        headers={**bearer(editor), "Cache-Control": "no-cache"},
    )
    assert (result.exit_code, found.json()["total"]) == (0, 0)


def test_bound_tokens_pass_the_same_checks_and_two_more(
    local_stack: LocalStack, clients: tuple[DemoClient, ...], tmp_path: Path
) -> None:
    (editor,) = (client for client in clients if client.client_id == "editor")

    result = _smoke(editor, local_stack.base_url, "--dpop-key", str(tmp_path / "dpop.jwk"))

    lines = result.stdout.splitlines()
    assert [line for line in lines if line.startswith("FAILED")] == []
    assert [f"ok      {check.name}" in lines for check in BOUND_CHECKS] == [True, True]
    assert f"ok      {WRITING}" in lines
    assert (result.exit_code, lines[-1]) == (0, f"{len(CHECKS) + len(BOUND_CHECKS)} checks, 0 failed")


@pytest.mark.long
def test_it_lists_what_only_a_real_deployment_shows(local_stack: LocalStack, client: DemoClient) -> None:
    result = _smoke(client, local_stack.base_url)

    unproven = result.stdout.partition("Only a real deployment can show this; this run has not:\n")[2]
    for check in CHECKS:
        assert (check.name in unproven) is bool(check.edge)
    assert "WWW-Authenticate on /token" in unproven


@pytest.mark.long
def test_a_client_that_reads_everything_cannot_show_the_403_and_one_for_all_but_the_audit_trail_can(
    local_stack: LocalStack, registered: Register
) -> None:
    shown = _smoke(registered("system/*.read"), local_stack.base_url)
    result = _smoke(registered("system/*.read", "system/AuditEvent.read"), local_stack.base_url)

    assert "ok      a missing scope is 403 insufficient_scope" in shown.stdout.splitlines()

    assert result.exit_code == 0
    limit = "limit   a missing scope is 403 insufficient_scope: this client may read or search every type"
    assert limit in result.stdout


@pytest.mark.long
def test_another_name_for_the_service_fails_by_the_issuer(local_stack: LocalStack, client: DemoClient) -> None:
    base = local_stack.base_url.replace("127.0.0.1", "localhost")

    result = _smoke(client, base)

    assert result.exit_code == 1
    assert f"FAILED  server metadata names BASE as the issuer: the issuer is {local_stack.base_url}" in result.stdout


def test_a_wrong_secret_fails_without_being_shown(local_stack: LocalStack, client: DemoClient) -> None:
    secret = "s" * 86

    result = _smoke(replace(client, secret=secret), local_stack.base_url)

    assert result.exit_code == 1
    assert "FAILED  the page's token call answers: 401 instead of 200" in result.stdout
    assert secret not in result.stdout + result.stderr


@pytest.mark.long
def test_the_renamed_challenge_is_a_known_limit(
    local_stack: LocalStack, client: DemoClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Service.call

    def renaming(*args: Any, **kwargs: Any) -> httpx.Response:
        answer = call(*args, **kwargs)
        headers = [
            ("x-amzn-Remapped-" + k if k.lower() == "www-authenticate" else k, v)
            for k, v in answer.headers.multi_items()
        ]
        answer.headers = httpx.Headers(headers)
        return answer

    monkeypatch.setattr(Service, "call", renaming)

    result = _smoke(client, local_stack.base_url)

    assert result.exit_code == 0
    assert "limit   a wrong secret is 401 invalid_client with a challenge: API Gateway has renamed it" in result.stdout


@pytest.mark.long
def test_make_smoke_is_that_command(local_stack: LocalStack, client: DemoClient) -> None:
    result = subprocess.run(
        ["make", "-s", "smoke", f"BASE={local_stack.base_url}", f"PYTHON={sys.executable}"],
        cwd=PROJECT,
        env=os.environ | {"CLIENT_ID": client.client_id, "CLIENT_SECRET": client.secret},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith(" 0 failed\n")
