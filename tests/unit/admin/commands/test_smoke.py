"""`careconnect smoke`: its messages when there is nothing to check."""

import httpx
import pytest
from typer.testing import CliRunner, Result

from careconnect_admin.checks.smoke import CHECKS
from careconnect_admin.cli import app
from careconnect_admin.clients import token_request

_CLIENT = {"CLIENT_ID": "x", "CLIENT_SECRET": "y"}


def _smoke(base: str, **environment: str | None) -> Result:
    return CliRunner().invoke(app, ["smoke", base], env=_CLIENT | environment)


@pytest.mark.parametrize("missing", ["CLIENT_ID", "CLIENT_SECRET"])
def test_a_missing_setting_is_reported_in_one_line(missing: str) -> None:
    result = _smoke("https://api.example", **{missing: None})

    printed = f"careconnect: set {missing}, of a client from `careconnect clients add`\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", printed)


@pytest.mark.parametrize("base", ["api.example", "ftp://api.example", "https://", "https://["])
def test_a_base_that_is_no_url_is_reported_in_one_line(base: str) -> None:
    result = _smoke(base)

    printed = "careconnect: BASE must be the root URL of the service: https://…\n"
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", printed)


@pytest.mark.parametrize("base", ["http://127.0.0.1:9", "http://127.0.0.1:99999"])
def test_a_url_where_nothing_answers_is_reported_in_one_line(base: str) -> None:
    result = _smoke(base)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"careconnect: {base}: no answer (")
    assert result.stderr.endswith("): BASE is the stack's output BaseUrl\n")
    assert result.stderr.count("\n") == 1


def test_a_service_that_stops_answering_fails_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([httpx.Response(200)])

    def answer(request: httpx.Request) -> httpx.Response:
        try:
            return next(answers)
        except StopIteration:
            raise httpx.ConnectError("refused", request=request) from None

    client = httpx.Client(transport=httpx.MockTransport(answer))
    monkeypatch.setattr(token_request, "http_client", lambda _: client)

    result = _smoke("http://127.0.0.1:9")

    assert result.exit_code == 1
    assert result.stdout.count("FAILED") == len(CHECKS) - 1
    assert result.stdout.splitlines()[-1] == f"{len(CHECKS)} checks, {len(CHECKS) - 1} failed"
