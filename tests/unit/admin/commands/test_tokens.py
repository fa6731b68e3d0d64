"""`careconnect token`: obtaining and decoding a token over HTTP."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from careconnect.client_record import AuthMethod
from careconnect_admin.commands import tokens as tokens_command
from careconnect_testing.events import rest_event
from careconnect_testing.issuer import P256_KEY, RSA_KEY, Issuer, issuer_on_moto, public_jwk

app = typer.Typer()
app.command()(tokens_command.token)


@pytest.fixture
def served() -> Iterator[tuple[Issuer, str]]:
    """Serve an issuer on this machine."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if self.path == "/moved/token":
                self.send_response(307)
                self.send_header("Location", f"{base}/token")
                self.end_headers()
                return
            answer = issuer.send(rest_event("POST", self.path, headers=dict(self.headers.items()), body=body))
            self.send_response(answer.status)
            self.end_headers()
            self.wfile.write(answer.text.encode())

        def log_message(self, *_: Any) -> None:
            return

    with issuer_on_moto() as issuer:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        base = f"http://127.0.0.1:{server.server_address[1]}"
        issuer = issuer.rebuilt(base=base)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield issuer, base
        server.shutdown()
        server.server_close()
        thread.join(5)


def run(*arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(app, arguments, **options)


@pytest.mark.parametrize("how", ["file", "variable", "prompt"])
def test_a_token_is_obtained_by_secret_and_decoded(served: tuple[Issuer, str], tmp_path: Path, how: str) -> None:
    issuer, base = served
    secret = issuer.register("client-1")
    file = tmp_path / "secret"
    file.write_text(secret + "\n")
    arguments = ["client-1", "--base", base, "--scope", "profile", "--json"]

    if how == "file":
        result = run(*arguments, "--secret-file", str(file))
    elif how == "variable":
        result = run(*arguments, env={"CLIENT_SECRET": secret})
    else:
        result = run(*arguments, input=secret + "\n")

    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert shown["claims"]["scope"] == shown["scope"] == "profile"
    assert shown["header"]["typ"] == "at+jwt"
    assert secret not in result.output


def test_without_json_the_token_is_the_first_line(served: tuple[Issuer, str]) -> None:
    issuer, base = served
    secret = issuer.register("client-1")

    lines = run("client-1", "--base", base, env={"CLIENT_SECRET": secret}).stdout.splitlines()

    assert lines[0].count(".") == 2
    assert '"sub": "client-1"' in "".join(lines)


@pytest.mark.parametrize(("key", "kid"), [(RSA_KEY, "key-1"), (P256_KEY, "key-2")])
def test_a_token_is_obtained_by_key(served: tuple[Issuer, str], tmp_path: Path, key: Any, kid: str) -> None:
    issuer, base = served
    jwks = {"keys": [public_jwk(RSA_KEY, "key-1"), public_jwk(P256_KEY, "key-2")]}
    issuer.register("client-1", auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), jwks=json.dumps(jwks))
    file = tmp_path / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    result = run("client-1", "--base", base, "--key", str(file), "--kid", kid, "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["claims"]["client_id"] == "client-1"


def test_a_refusal_is_one_line(served: tuple[Issuer, str]) -> None:
    result = run("nobody", "--base", served[1], env={"CLIENT_SECRET": "a-wrong-secret"})

    assert result.exit_code == 1
    assert result.stderr == "careconnect: refused: invalid_client (401): Client authentication failed.\n"


def test_what_is_no_token_endpoint_is_said_to_be_none(served: tuple[Issuer, str]) -> None:
    result = run("x", "--base", f"{served[1]}/moved", env={"CLIENT_SECRET": "s"})

    assert result.exit_code == 1
    assert "answers 307" in result.stderr


@pytest.mark.parametrize(
    ("base", "reason"),
    [
        ("http://api.example.org", "https only"),
        ("ftp://api.example.org", "https only"),
        ("http://127.0.0.1:1", "does not answer"),
    ],
)
def test_an_address_that_is_not_safe_or_not_there_is_one_line(base: str, reason: str) -> None:
    result = run("x", "--base", base, env={"CLIENT_SECRET": "s"})

    assert result.exit_code == 1
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_key_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    file.write_text("no key")
    assert "--kid" in run("x", "--base", "https://api.example", "--key", str(file)).stderr
    assert "PEM" in run("x", "--base", "https://api.example", "--key", str(file), "--kid", "k").stderr
    other = ed25519.Ed25519PrivateKey.generate()
    file.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    assert "neither RSA nor EC" in run("x", "--base", "https://api.example", "--key", str(file), "--kid", "k").stderr


def test_an_issuer_that_is_down_is_one_line(served: tuple[Issuer, str]) -> None:
    issuer, base = served
    secret = issuer.register("client-1")
    issuer.kms.delete_alias(AliasName="alias/test-signing-current")

    result = run("client-1", "--base", base, env={"CLIENT_SECRET": secret})

    assert "temporarily_unavailable (503)" in result.stderr
