"""`careconnect token`: obtaining and decoding a token over HTTP."""

import base64
import hashlib
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

from careconnect.oauth.client_record import ASSERTION_ALGORITHMS, AuthMethod
from careconnect_admin.clients.private_key import PrivateKey
from careconnect_admin.commands.service import tokens as tokens_command
from careconnect_admin.stack.target import StackTarget
from careconnect_testing.http.events import rest_event
from careconnect_testing.parts.issuer import (
    CLIENT_TABLE,
    P256_KEY,
    P384_KEY,
    RSA_KEY,
    Issuer,
    built_issuer,
    public_jwk,
)
from careconnect_testing.stacks.command_line import printed

app = typer.Typer()
app.command()(tokens_command.token)
app.add_typer(tokens_command.app)


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
            for name in ("DPoP-Nonce", "WWW-Authenticate"):
                if answer.headers.get(name):
                    self.send_header(name, answer.headers[name])
            self.end_headers()
            self.wfile.write(answer.text.encode())

        def log_message(self, *_: Any) -> None:
            return

    with built_issuer() as issuer:
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
    return CliRunner().invoke(app, ["token", *arguments], **options)


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
    assert printed(result) == ["careconnect: refused: invalid_client (401): Client authentication failed."]


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
    assert len(printed(result)) == 1


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


# --- a registered key


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    return pem_of(RSA_KEY, tmp_path)


def pem_of(key: Any, folder: Path) -> Path:
    file = folder / "key.pem"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


@pytest.fixture
def on_stack(served: tuple[Issuer, str], monkeypatch: pytest.MonkeyPatch) -> Issuer:
    """Let `careconnect` find the served issuer as a stack."""
    issuer, base = served
    outputs = {"BaseUrl": base, "ClientTable": CLIENT_TABLE}
    target = StackTarget("stack", outputs, lambda service: getattr(issuer, service))
    monkeypatch.setattr("careconnect_admin.stack.target.stack_target", lambda *_, **__: target)
    return issuer


def registered(issuer: Issuer, *keys: dict[str, Any]) -> None:
    issuer.register("client-1", auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), jwks=json.dumps({"keys": keys}))


@pytest.mark.parametrize("algorithm", ["RS256", "RS512", "PS256"])
def test_on_a_stack_a_key_signs_as_it_is_registered(on_stack: Issuer, key_file: Path, algorithm: str) -> None:
    registered(on_stack, public_jwk(P256_KEY, "other"), public_jwk(RSA_KEY, "mine", alg=algorithm))

    assert run("client-1", "--key", str(key_file)).exit_code == 0
    # The issuer takes this key for nothing else.
    other = run("client-1", "--key", str(key_file), "--alg", "RS384")
    assert other.exit_code == 1
    assert "refused: invalid_client (401)" in other.stderr


def test_a_key_signs_by_the_algorithm_that_is_named(served: tuple[Issuer, str], key_file: Path) -> None:
    issuer, base = served
    registered(issuer, public_jwk(RSA_KEY, "mine", alg="PS256"))

    arguments = ("client-1", "--base", base, "--key", str(key_file), "--kid", "mine")
    assert run(*arguments).exit_code == 1
    assert run(*arguments, "--alg", "PS256").exit_code == 0


@pytest.mark.parametrize("jwks", [[], [public_jwk(P256_KEY, "other")]])
def test_a_key_that_is_not_registered_is_reported(on_stack: Issuer, key_file: Path, jwks: list[dict[str, Any]]) -> None:
    if jwks:
        registered(on_stack, *jwks)

    result = run("client-1", "--key", str(key_file))

    assert result.exit_code == 1
    assert printed(result) == ["careconnect: the key is not in a JWK Set that is registered for client-1: give --kid"]


def test_an_algorithm_that_the_key_has_not_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    key = pem_of(P256_KEY, tmp_path)
    result = run("x", "--base", "https://api.example", "--key", str(key), "--kid", "k", "--alg", "RS256")

    assert result.exit_code == 1
    assert printed(result) == ["careconnect: this key cannot sign by RS256: it can by ES256"]


def test_each_algorithm_of_assertions_has_a_key(tmp_path: Path) -> None:
    keys = [RSA_KEY, P256_KEY, P384_KEY]
    found = [PrivateKey.of_pem(pem_of(key, tmp_path).read_bytes()).algorithms for key in keys]

    assert sorted(each for algorithms in found for each in algorithms) == sorted(ASSERTION_ALGORITHMS)


def test_a_base_is_given_without_a_stack() -> None:
    result = run("x", "--base", "https://api.example", "--port", "3000")

    assert result.exit_code == 1
    assert "without --stack and --port" in result.stderr


# --- bound tokens


@pytest.mark.parametrize("needs_nonce", [False, True])
def test_a_token_is_bound_to_the_key_in_a_file(on_stack: Issuer, tmp_path: Path, needs_nonce: bool) -> None:
    secret = on_stack.register("client-1", dpop_bound_access_tokens=True, dpop_nonce=needs_nonce)
    file = tmp_path / "dpop.jwk"

    result = run("client-1", "--json", "--dpop-key", str(file), env={"CLIENT_SECRET": secret})

    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    thumbprint = jwk_thumbprint(json.loads(file.read_text()))
    assert (shown["token_type"], shown["claims"]["cnf"]) == ("DPoP", {"jkt": thumbprint})
    assert json.loads(file.read_text())["d"] not in result.output


@pytest.mark.parametrize("private", [RSA_KEY, P256_KEY], ids=["PS256", "ES256"])
def test_each_of_two_requests_for_a_token_has_its_own_assertion_as_fapi2_wants_it(
    on_stack: Issuer, tmp_path: Path, private: Any
) -> None:
    key = pem_of(private, tmp_path)
    jwks = json.dumps({"keys": [public_jwk(private, "mine")]})
    bound = {"dpop_bound_access_tokens": True, "dpop_nonce": True, "security_profile": "fapi2"}
    on_stack.register("client-1", auth_methods=frozenset({AuthMethod.PRIVATE_KEY_JWT}), jwks=jwks, **bound)

    result = run("client-1", "--json", "--key", str(key), "--dpop-key", str(tmp_path / "dpop.jwk"))

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["token_type"] == "DPoP"


def test_a_client_that_has_to_is_told_to_bind_its_token(on_stack: Issuer) -> None:
    secret = on_stack.register("client-1", dpop_bound_access_tokens=True)

    result = run("client-1", env={"CLIENT_SECRET": secret})

    assert result.exit_code == 1
    assert "refused: invalid_dpop_proof (400): A DPoP proof is required." in result.stderr


def jwk_thumbprint(jwk: dict[str, str]) -> str:
    """Return the thumbprint of an EC key (RFC 7638 §3)."""
    members = json.dumps({name: jwk[name] for name in ("crv", "kty", "x", "y")}, separators=(",", ":"))
    return base64.urlsafe_b64encode(hashlib.sha256(members.encode()).digest()).decode().rstrip("=")


# --- introspection


def introspect(*arguments: str, **options: Any) -> Any:
    return CliRunner().invoke(app, ["tokens", "introspect", *arguments], **options)


def test_a_client_asks_about_its_token(served: tuple[Issuer, str]) -> None:
    issuer, base = served
    issuer.clock.now = 1_800_000_000.0
    secret = issuer.register("client-1")
    token = str(issuer.token("client-1", secret).json["access_token"])
    known = {"CLIENT_ID": "client-1", "CLIENT_SECRET": secret}

    as_json = introspect("--base", base, "--json", env={**known, "ACCESS_TOKEN": token})
    assert as_json.exit_code == 0, as_json.output
    assert json.loads(as_json.stdout)["client_id"] == "client-1"
    for_people = introspect("--base", base, "--token", "-", env=known, input=f"{token}\n").stdout.splitlines()
    assert [line.split() for line in for_people if line.startswith(("active", "iat"))] == [
        ["active", "true"],
        ["iat", "2027-01-15T08:00:00+00:00"],
    ]
    asked = introspect("--base", base, env=known, input=f"{token}\n")
    assert "active" in asked.stdout
    assert token not in asked.output


def test_a_token_that_is_not_good_ends_with_1(served: tuple[Issuer, str]) -> None:
    issuer, base = served
    secret = issuer.register("client-1")

    result = introspect("--base", base, "--client", "client-1", "--token", "x", "--json", env={"CLIENT_SECRET": secret})

    assert (result.exit_code, json.loads(result.stdout)) == (1, {"active": False})
    (line,) = printed(result)
    assert "client-1's to ask about" in line


def test_who_asks_is_to_be_named(served: tuple[Issuer, str]) -> None:
    result = introspect("--base", served[1], "--token", "x")

    assert result.exit_code == 1
    assert "give --client or CLIENT_ID" in result.stderr
