"""The journey of a client against any deployed root URL: what must hold there, checked from outside.

Each check is a function that raises `CheckError` with what it saw. It knows nothing of where the service runs;
`careconnect_admin.commands.smoke` tells which checks prove something only on a real deployment.
"""

import base64
import http.client
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from functools import cached_property
from typing import Any, Final

import jwt

from careconnect.resource_types import FHIR_PATH, RESOURCE_TYPES
from careconnect.scopes import Grants, Interaction, grants_of

_TIMEOUT: Final = 30
_FORM: Final = "application/x-www-form-urlencoded"
# By this name API Gateway hands on the header of a Lambda proxy.
_RENAMED: Final = "x-amzn-remapped-www-authenticate"


class CheckError(Exception):
    """A check does not hold; the text says what was seen, without any secret or token."""


class LimitError(CheckError):
    """A check does not hold for a reason that is known and documented (docs/deploy.md)."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer of whatever status."""

    status: int
    headers: Message
    body: bytes

    def json(self) -> Any:
        """Return the parsed body; raises `CheckError` if it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            raise CheckError(f"the body of the {self.status} is not JSON") from None


@dataclass(frozen=True)
class Service:
    """The service at a root URL, as the client `client_id` meets it."""

    base: str
    client_id: str
    secret: str = field(repr=False)

    @property
    def fhir(self) -> str:
        """The FHIR base URL."""
        return self.base + FHIR_PATH

    def call(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; redirects are not followed. Raises `CheckError` if there is no answer."""
        sent = {"User-Agent": "careconnect-smoke", **(headers or {})}
        data = None
        if form is not None:
            method, data = "POST", urllib.parse.urlencode(form).encode()
            sent["Content-Type"] = _FORM
        request = urllib.request.Request(url, data=data, headers=sent, method=method)  # noqa: S310
        try:
            with _OPENER.open(request, timeout=_TIMEOUT) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())
        except (OSError, http.client.HTTPException) as error:
            raise CheckError(f"no answer ({getattr(error, 'reason', None) or type(error).__name__})") from None

    def basic(self, secret: str | None = None) -> dict[str, str]:
        """Return the Basic header of the client, or of one that has another secret."""
        halves = (urllib.parse.quote(half, safe="") for half in (self.client_id, secret or self.secret))
        return {"Authorization": "Basic " + base64.b64encode(":".join(halves).encode()).decode()}

    def new_token(self) -> str:
        """Obtain a token; raises `CheckError`."""
        answer = self.call(f"{self.base}/token", headers=self.basic(), form={"grant_type": "client_credentials"})
        if answer.status == 401:
            raise CheckError("/token answers 401: are CLIENT_ID and CLIENT_SECRET of one client that is enabled?")
        if answer.status != 200:
            raise CheckError(f"/token answers {answer.status} to this client")
        return str(answer.json()["access_token"])

    @cached_property
    def token(self) -> str:
        """One token for all checks that only need any."""
        return self.new_token()

    @cached_property
    def grants(self) -> Grants:
        """What `token` opens."""
        return grants_of(jwt.decode(self.token, options={"verify_signature": False})["scope"])

    def bearer(self, token: str | None = None) -> dict[str, str]:
        """Return the header that carries a token."""
        return {"Authorization": f"Bearer {token or self.token}"}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: Any) -> None:
        """Leave the redirect to be seen."""


_OPENER: Final = urllib.request.build_opener(_NoRedirect)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that must hold; `edge`: only a real deployment proves it, since nothing local has that part."""

    name: str
    run: Callable[[Service], None]
    edge: str = ""


def _expect(answer: Answer, status: int) -> None:
    if answer.status != status:
        raise CheckError(f"{answer.status} instead of {status}")


def _expect_outcome(answer: Answer, status: int, code: str) -> None:
    _expect(answer, status)
    body = answer.json()
    if body.get("resourceType") != "OperationOutcome" or body["issue"][0]["code"] != code:
        raise CheckError(f"the body of the {status} is not an OperationOutcome with the code {code}")


def _expect_challenge(answer: Answer, scheme: str, error: str = "") -> None:
    challenge = answer.headers.get("WWW-Authenticate")
    if challenge is None and answer.headers.get(_RENAMED):
        raise LimitError(f"API Gateway has renamed it to {_RENAMED}: serve a custom domain (docs/deploy.md)")
    if challenge is None:
        raise CheckError("there is no WWW-Authenticate")
    named = f'error="{error}"' in challenge if error else "error=" not in challenge
    if not challenge.startswith(f"{scheme} ") or not named:
        raise CheckError(f"WWW-Authenticate is {challenge}")


def _server_metadata(service: Service) -> None:
    answer = service.call(f"{service.base}/.well-known/oauth-authorization-server")
    _expect(answer, 200)
    metadata = answer.json()
    if metadata["issuer"] != service.base:
        raise CheckError(f"the issuer is {metadata['issuer']}: BASE must be that URL, to the letter")
    if metadata["token_endpoint"] != f"{service.base}/token":
        raise CheckError(f"the token endpoint is {metadata['token_endpoint']}")


def _smart_configuration(service: Service) -> None:
    answer = service.call(f"{service.fhir}/.well-known/smart-configuration")
    _expect(answer, 200)
    if answer.json()["token_endpoint"] != f"{service.base}/token":
        raise CheckError("it names another token endpoint")


def _capability_statement(service: Service) -> None:
    answer = service.call(f"{service.fhir}/metadata")
    _expect(answer, 200)
    statement = answer.json()
    if statement["resourceType"] != "CapabilityStatement" or not statement["fhirVersion"].startswith("3.0"):
        raise CheckError("it is no STU3 CapabilityStatement")


def _page_call(service: Service) -> None:
    query = urllib.parse.urlencode({"grant_type": "client_credentials", "client_id": service.client_id})
    answer = service.call(
        f"{service.base}/token?{query}",
        method="POST",
        headers={"Accept": "application/json", "Content-Type": _FORM, **service.basic()},
    )
    _expect(answer, 200)
    if not {"access_token", "token_type", "expires_in", "scope"} <= answer.json().keys():
        raise CheckError("a member is missing")
    if answer.headers.get("Cache-Control") != "no-store":
        raise CheckError(f"Cache-Control is {answer.headers.get('Cache-Control')}")


def _token_verifies(service: Service) -> None:
    keys = service.call(f"{service.base}/.well-known/jwks.json")
    _expect(keys, 200)
    if "max-age=" not in keys.headers.get("Cache-Control", ""):
        raise CheckError("the keys are published without max-age")
    try:
        key = jwt.PyJWKSet.from_dict(keys.json())[jwt.get_unverified_header(service.token)["kid"]]
        jwt.decode(service.token, key.key, algorithms=["RS256"], audience=service.fhir, issuer=service.base)
    except (jwt.PyJWTError, KeyError) as error:
        raise CheckError(f"it does not ({error})") from None


def _tokens_differ(service: Service) -> None:
    if service.new_token() == service.new_token():
        raise CheckError("two calls got the same token: an answer of /token is cached")


def _read_and_search(service: Service) -> None:
    answer = service.call(f"{service.fhir}/Organization?_count=1", headers=service.bearer())
    _expect(answer, 200)
    bundle = answer.json()
    if not bundle.get("entry"):
        raise LimitError("there is no Organization yet: load data first")
    url = bundle["entry"][0]["fullUrl"]
    if not url.startswith(f"{service.fhir}/"):
        raise CheckError(f"fullUrl is {url}")
    read = service.call(url, headers={"Accept": "application/fhir+xml", **service.bearer()})
    _expect(read, 200)
    if not read.headers.get("Content-Type", "").startswith("application/fhir+xml") or b"<Organization" not in read.body:
        raise CheckError("it is not answered as XML")
    again = service.call(url, headers={"If-None-Match": read.headers.get("ETag", ""), **service.bearer()})
    _expect(again, 304)


def _patient_reads(service: Service) -> None:
    answer = service.call(f"{service.fhir}/Patient?_count=1", headers=service.bearer())
    _expect(answer, 200 if service.grants.permits("Patient", Interaction.SEARCH) else 403)


def _missing_scope(service: Service) -> None:
    open_types = service.grants.types(Interaction.SEARCH)
    closed = next((type_.name for type_ in RESOURCE_TYPES if type_.name not in open_types), None)
    if closed is None:
        raise LimitError("this client may search everything: run it with a narrower one, too")
    answer = service.call(f"{service.fhir}/{closed}?_count=1", headers=service.bearer())
    _expect_outcome(answer, 403, "forbidden")
    _expect_challenge(answer, "Bearer", "insufficient_scope")


def _wrong_secret(service: Service) -> None:
    form = {"grant_type": "client_credentials"}
    wrong = service.call(f"{service.base}/token", headers=service.basic("wrong"), form=form)
    _expect(wrong, 401)
    if wrong.json().get("error") != "invalid_client":
        raise CheckError("the error is not invalid_client")
    _expect_challenge(wrong, "Basic")


def _no_get_token(service: Service) -> None:
    answer = service.call(f"{service.base}/token", headers=service.basic())
    _expect(answer, 405)
    if "POST" not in answer.headers.get("Allow", ""):
        raise CheckError("Allow does not name POST")


def _no_token(service: Service) -> None:
    answer = service.call(f"{service.fhir}/Patient/4")
    _expect_outcome(answer, 401, "login")
    _expect_challenge(answer, "Bearer")


def _forged_token(service: Service) -> None:
    head, claims, signature = service.token.split(".")
    forged = ".".join((head, claims, signature[::-1]))
    answer = service.call(f"{service.fhir}/Organization", headers=service.bearer(forged))
    _expect_outcome(answer, 401, "login")
    _expect_challenge(answer, "Bearer", "invalid_token")


def _unknown_path(service: Service) -> None:
    _expect_outcome(service.call(f"{service.base}/nowhere"), 404, "not-supported")


def _odd_paths(service: Service) -> None:
    for path in ("//Patient/4", "/patient/4", "/Patient%2F4", "/Nothing/1"):
        answer = service.call(service.fhir + path, headers=service.bearer())
        if answer.status not in (400, 403, 404):
            raise CheckError(f"{answer.status} for {path}")


def _revocation(service: Service) -> None:
    token = service.new_token()
    introspect = f"{service.base}/introspect"
    if service.call(introspect, headers=service.basic(), form={"token": token}).json().get("active") is not True:
        raise CheckError("a new token is not active")
    _expect(service.call(f"{service.base}/revoke", headers=service.basic(), form={"token": token}), 200)
    if service.call(introspect, headers=service.basic(), form={"token": token}).json() != {"active": False}:
        raise CheckError("a revoked token is still active")
    _expect(service.call(f"{service.fhir}/Organization", headers=service.bearer(token)), 401)


def _preflight(service: Service) -> None:
    headers = {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}
    answer = service.call(f"{service.fhir}/Patient/4", method="OPTIONS", headers=headers)
    if answer.status not in (200, 204) or "GET" not in answer.headers.get("Access-Control-Allow-Methods", ""):
        raise CheckError(f"{answer.status} without Access-Control-Allow-Methods")


def _plain_http(service: Service) -> None:
    if not service.base.startswith("https://"):
        raise LimitError("BASE is plain HTTP")
    plain = "http://" + service.base.removeprefix("https://")
    try:
        answer = service.call(f"{plain}/.well-known/jwks.json")
    except CheckError:
        return
    if answer.status < 300:
        raise CheckError("plain HTTP is served")


CHECKS: Final = (
    Check("server metadata names BASE as the issuer", _server_metadata, "the custom domain, or the stage's URL"),
    Check("smart-configuration answers", _smart_configuration),
    Check("metadata is a CapabilityStatement of STU3", _capability_statement),
    Check("the page's token call answers", _page_call),
    Check("a token verifies against the published keys", _token_verifies, "the KMS key"),
    Check("no token is answered twice", _tokens_differ, "caches in front"),
    Check("an Organization is found, read as XML and not modified", _read_and_search),
    Check("patients open by scope alone", _patient_reads),
    Check("a missing scope is 403 insufficient_scope", _missing_scope, "the gateway's own 403"),
    Check("no token is 401 without an error", _no_token, "the gateway's own 401"),
    Check("a forged token is 401 invalid_token", _forged_token, "WWW-Authenticate through Lambda"),
    Check("a wrong secret is 401 invalid_client with a challenge", _wrong_secret, "WWW-Authenticate on /token"),
    Check("GET /token is 405", _no_get_token),
    Check("an unknown path is a 404 OperationOutcome", _unknown_path, "the gateway's own 404"),
    Check("odd paths open nothing", _odd_paths, "how the gateway decodes paths"),
    Check("a revoked token is refused", _revocation),
    Check("a browser's preflight is answered", _preflight),
    Check("plain HTTP is not served", _plain_http, "TLS"),
)
