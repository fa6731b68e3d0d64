"""The places where a stranger's bytes are parsed: each a function of bytes that raises if a promise is broken."""

import base64
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis.strategies import SearchStrategy

from careconnect.fhir.outcomes import OutcomeError
from careconnect.fhir.rendering.formats import body_format, negotiate
from careconnect.fhir.resource_types import RESOURCE_TYPES, resource_type
from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.base64url import encode
from careconnect.oauth.token_verification import TokenRefusedError
from careconnect.search.result_parameters import Handling
from careconnect_records.parsing.exact_json import json_text
from careconnect_records.parsing.faults import UnreadableBodyError
from careconnect_records.parsing.narrative import narrative_fault
from careconnect_records.parsing.strict_json import parse_json_body
from careconnect_records.stu3.xml_source import parse_xml_body
from careconnect_testing.fuzzing import bodies, requests
from careconnect_testing.fuzzing.messages import message_event
from careconnect_testing.fuzzing.promise import BrokenPromiseError, check_answer
from careconnect_testing.fuzzing.services import BASE, CLIENT, NOW, SECRET, services
from careconnect_testing.fuzzing.strategies import edited, edited_json
from careconnect_testing.http.events import FORM, authorizer_event
from careconnect_testing.parts.dpop_proofs import raw_signature
from fhir_reader.search.parse import parse_search

_SECONDS: Final = 0.05
_SECONDS_PER_BYTE: Final = 10e-6
"""The processor time that an input may take: 50 ms, and 10 µs for each byte. The largest form then takes 0.7 s."""
_TRIES: Final = 3

_BASIC: Final = base64.b64encode(f"{CLIENT}:{SECRET}".encode())
_ASSERTION_TYPE: Final = quote("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
_FHIR_BASE: Final = BASE + FHIR_PATH
_PATIENT: Final = next(each for each in RESOURCE_TYPES if each.is_patient)
_QUERIES: Final = tuple(message.removeprefix(b"GET ") for message in requests.SEARCHES if message.startswith(b"GET "))


@dataclass(frozen=True, slots=True)
class Target:
    """A place that parses: `run` takes an input, `inputs` returns a strategy of them."""

    name: str
    run: Callable[[bytes], None]
    inputs: Callable[[], SearchStrategy[bytes]]

    def hold(self, data: bytes) -> None:
        """Raise what an input fails with, or `BrokenPromiseError` if it takes more processor time than promised."""
        bound = _SECONDS + _SECONDS_PER_BYTE * len(data)
        for _ in range(_TRIES):
            start = time.process_time()
            self.run(data)
            # Else once more: the processor may have been busy, or a cache empty.
            if time.process_time() - start <= bound:
                return
        raise BrokenPromiseError("more time than promised")


def send(message: bytes, *, is_encoded: bool = False, patient: str = "") -> None:
    """Send an HTTP message to the function that it is routed to; raises `BrokenPromiseError` or what it failed with."""
    deployed = services()
    deployed.begin()
    event = message_event(message, deployed.authorizer(patient), is_encoded=is_encoded)
    kind, function = deployed.route(event["httpMethod"], event["path"])
    check_answer(kind, event["httpMethod"], function(event), deployed)


def _send_either(message: bytes) -> None:
    """Send a message as a client that is bound to a patient, or as one that is not, by its length."""
    send(message, patient="4" if len(message) % 3 == 0 else "")


def _send_encoded(message: bytes) -> None:
    send(message, is_encoded=True)


def _send_body(head: bytes, data: bytes) -> None:
    send(head + b"\n\n" + data)


def _scope(data: bytes) -> None:
    form = urlencode({"grant_type": "client_credentials", "scope": data.decode(errors="replace")})
    send(b"POST /token\nContent-Type: %b\nAuthorization: Basic %b\n\n%b" % (FORM.encode(), _BASIC, form.encode()))


def _signed(data: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """Return a token whose header and claims are the two elements of a JSON document, else the input itself."""
    try:
        header, claims = json.loads(data)
    except (ValueError, TypeError, RecursionError):
        return data
    parts = (json.dumps(part).encode() for part in (header, claims))
    text = ".".join(map(encode, parts)).encode()
    return text + b"." + encode(sign(text)).encode()


def _by_client(text: bytes) -> bytes:
    return raw_signature(services().client_key, text)


def _assertion(data: bytes) -> None:
    token = quote(_signed(data, _by_client)).encode()
    form = b"grant_type=client_credentials&client_assertion_type=%b&client_assertion=%b" % (
        _ASSERTION_TYPE.encode(),
        token,
    )
    send(b"POST /token\nContent-Type: %b\n\n%b" % (FORM.encode(), form))


def _proof(data: bytes) -> None:
    """Ask for a token that is bound to the client's key."""
    proof = _signed(data, _by_client).replace(b"\n", b" ")
    head = b"POST /token\nContent-Type: %b\nAuthorization: Basic %b\nDPoP: %b" % (FORM.encode(), _BASIC, proof)
    _send_body(head, b"grant_type=client_credentials")


def _as_issued(data: bytes) -> bytes:
    """Return claims with short texts of Unicode, since the server signs no others and looks some of them up."""
    try:
        header, claims = json.loads(data)
        texts = {name: value for name, value in claims.items() if isinstance(value, str)}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return data
    short = {name: value.encode(errors="replace").decode()[:200] for name, value in texts.items()}
    return json.dumps([header, {**claims, **short}]).encode()


def _bearer(data: bytes) -> None:
    """Verify an access token by both authorizers, and introspect it."""
    key: Any = services().kms.private
    token = _signed(_as_issued(data), lambda text: key.sign(text, padding.PKCS1v15(), SHA256()))
    for authorize in services().authorizers:
        try:
            policy = authorize(authorizer_event(f"Bearer {token.decode(errors='replace')}"))
        except TokenRefusedError:
            continue
        values = policy["context"].values()
        if not all(isinstance(value, str) for value in values):
            raise BrokenPromiseError("authorizer: a context of other than texts")
        json.dumps(policy).encode()
    head = b"POST /introspect\nContent-Type: %b\nAuthorization: Basic %b" % (FORM.encode(), _BASIC)
    _send_body(head, b"token=" + quote(token).encode())


def _narrative(data: bytes) -> None:
    div = data.decode(errors="replace")
    patient = {"resourceType": "Patient", "id": "4", "text": {"status": "generated", "div": div}}
    body = json.dumps(patient).encode(errors="replace")
    head = b"PUT Patient/4\nContent-Type: application/fhir+json\nAccept: application/fhir+"
    # As XML too, in which a narrative is markup again.
    _send_body(head + (b"xml" if len(data) % 2 else b"json"), body)


_JSON: Final = b"Content-Type: application/fhir+json\nAccept: application/fhir+xml"


def _resource(data: bytes) -> None:
    type_, id_ = _named(data)
    _send_body(b"PUT %b/%b\n%b" % (type_, id_, _JSON) if len(data) % 2 else b"POST %b\n%b" % (type_, _JSON), data)


def _named(data: bytes) -> tuple[bytes, bytes]:
    """Return the type and the id that a resource begins with, so that its content is read, and not its path refused."""
    try:
        resource = json.loads(data)
        return quote(str(resource["resourceType"])).encode(), quote(str(resource["id"])).encode()
    except (ValueError, TypeError, KeyError, IndexError, RecursionError):
        return b"Patient", b"4"


def _xml(data: bytes) -> None:
    name = data[1:40].partition(b" ")[0]
    type_ = name if name.isalpha() else b"Patient"
    _send_body(b"POST %b\nContent-Type: application/fhir+xml\nAccept: application/fhir+json" % type_, data)


def _patch(data: bytes) -> None:
    _send_body(b"PATCH Patient/4\nContent-Type: application/json-patch+json", data)


def _bundle(data: bytes) -> None:
    _send_body(b"POST \n%b" % _JSON, data)


def _operation(data: bytes) -> None:
    _send_body(b"POST Patient/4/$validate\n%b" % _JSON, data)
    _send_body(b"POST Patient/4/$everything\n%b" % _JSON, data)


def _kick_off(data: bytes) -> None:
    """Start an export by a body, strictly or leniently."""
    prefer = b"respond-async, handling=lenient" if len(data) % 2 else b"respond-async"
    _send_body(b"POST Patient/$export\nPrefer: %b\nContent-Type: application/fhir+json" % prefer, data)


def _search_parameters(data: bytes) -> None:
    """Parse the parameters of a search, of the type before the question mark."""
    name, _, query = data.decode(errors="replace").partition("?")
    pairs = parse_qsl(query, keep_blank_values=True, errors="replace")
    _refused_with(
        400,
        lambda: parse_search(
            resource_type(name) or _PATIENT, pairs, handling=Handling.LENIENT, fhir_base=_FHIR_BASE, now=int(NOW * 1000)
        ),
    )


def _negotiation(data: bytes) -> None:
    """Choose a format by `_format`, an Accept header and a Content-Type: the lines of the input."""
    first, second, third = [*data.decode(errors="replace").split("\n", 2), "", ""][:3]
    _refused_with(406, lambda: negotiate(first, second))
    body_format(third)


def _refused_with(status: int, parse: Callable[[], Any]) -> None:
    try:
        parse()
    except OutcomeError as refused:
        if refused.status != status:
            raise BrokenPromiseError(f"status {refused.status}") from refused


def _json_text(data: bytes) -> None:
    with suppress(UnreadableBodyError):
        parsed = parse_json_body(data)
        if parse_json_body(json_text(parsed).encode()) != parsed:
            raise BrokenPromiseError("JSON that is written is read as another")


def _xml_text(data: bytes) -> None:
    with suppress(UnreadableBodyError):
        json_text(parse_xml_body(data)).encode()


def _div(data: bytes) -> None:
    narrative_fault(data.decode(errors="replace"))


TARGETS: Final = (
    Target("token", send, partial(edited, requests.TOKENS, requests.TOKEN_WORDS)),
    Target("scope", _scope, partial(edited, requests.SCOPES, requests.SCOPE_WORDS)),
    Target("assertion", _assertion, lambda: edited_json(requests.assertions())),
    Target("proof", _proof, lambda: edited_json(requests.proofs())),
    Target("bearer", _bearer, lambda: edited_json(requests.access_tokens())),
    Target("search", _send_either, partial(edited, requests.SEARCHES, requests.SEARCH_WORDS)),
    Target("search parameters", _search_parameters, partial(edited, _QUERIES, requests.SEARCH_WORDS)),
    Target("cursor", send, lambda: edited(requests.links())),
    Target("path", _send_either, partial(edited, requests.PATHS, requests.PATH_WORDS)),
    Target("negotiation", _negotiation, partial(edited, requests.FORMATS, requests.PATH_WORDS)),
    Target("event search", send, partial(edited, requests.EVENTS, requests.SEARCH_WORDS)),
    Target("condition", _send_either, partial(edited, requests.CONDITIONS, requests.CONDITION_WORDS)),
    Target("gateway", _send_encoded, partial(edited, requests.GATEWAY)),
    Target("json", _resource, partial(edited_json, bodies.RESOURCES)),
    Target("json text", _json_text, partial(edited, bodies.RESOURCES, requests.JSON_WORDS)),
    Target("xml", _xml, partial(edited, bodies.XML, bodies.XML_WORDS)),
    Target("xml text", _xml_text, partial(edited, bodies.XML, bodies.XML_WORDS)),
    Target("patch", _patch, partial(edited_json, bodies.PATCHES, bodies.POINTERS)),
    Target("bundle", _bundle, partial(edited_json, bodies.BUNDLES, requests.CONDITION_WORDS)),
    Target("operation", _operation, partial(edited_json, bodies.PARAMETERS)),
    Target("kick-off", _send_either, partial(edited, requests.KICK_OFFS, requests.KICK_OFF_WORDS)),
    Target("kick-off parameters", _kick_off, partial(edited_json, bodies.KICK_OFFS, requests.KICK_OFF_WORDS)),
    Target("narrative", _narrative, partial(edited, bodies.DIVS, bodies.DIV_WORDS)),
    Target("narrative text", _div, partial(edited, bodies.DIVS, bodies.DIV_WORDS)),
)
