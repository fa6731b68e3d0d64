"""The Postman collection (format 2.1) and its environment for a local run, made from the one table."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final
from urllib.parse import quote

from careconnect.resource_types import FHIR_PATH, RESOURCE_TYPES, REVERSE_INCLUDES, ResourceType
from careconnect.scopes import Interaction, grants_of
from careconnect_admin.clients.demo import LIMITED_ACCESS, MEDICATION_ACCESS, PATIENT_ACCESS, DemoClient
from careconnect_admin.documents.search_examples import PATIENT_ID, TypeExamples, search_examples

_SCHEMA: Final = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_FHIR_JSON: Final = "application/fhir+json"
_FHIR_XML: Final = "application/fhir+xml"
_FORM: Final = "application/x-www-form-urlencoded"

_Json = dict[str, Any]
_Pairs = Sequence[tuple[str, str]]

_GATEWAY: Final = "gatewayResponses"
# The prefix of each of the page's clients in the environment's names.
_PAGE_CLIENTS: Final[tuple[tuple[str, DemoClient], ...]] = (
    ("patientAccess", PATIENT_ACCESS),
    ("medicationAccess", MEDICATION_ACCESS),
    ("limitedAccess", LIMITED_ACCESS),
)
_TOKEN_NAME: Final = "OAuth2-PatientAccess"


def postman_environment() -> _Json:
    """Return the environment for `make run` and `sam local start-api`: the base URL and the demo clients."""
    values = [
        _value("base", "http://127.0.0.1:3000"),
        # `no` for `sam local start-api`, which knows no gateway responses.
        _value(_GATEWAY, "yes"),
        _value("clientId", "explorer"),
        _secret("clientSecret", ""),
    ]
    for prefix, client in _PAGE_CLIENTS:
        values += [_value(f"{prefix}Id", client.client_id), _secret(f"{prefix}Secret", client.secret)]
    return {"name": "Care Connect, local", "values": values, "_postman_variable_scope": "environment"}


def postman_collection() -> _Json:
    """Return the collection: tokens, discovery, every type's read and searches, refusals, and who may read what."""
    of_types = list(search_examples())
    nhs_number = next(dict(each.searches)["identifier"] for each in of_types if each.type.name == "Patient")
    return {
        "info": {
            "name": "Care Connect, serverless",
            "schema": _SCHEMA,
            "description": "Runs from top to bottom against the project's sample. Put the secret of the client "
            "`explorer`, which `make run` prints, into the environment's `clientSecret` first. The examples' values "
            "are those of the sample. With `sam local start-api` set `gatewayResponses` to `no`: it answers a missing "
            "token and a missing scope in its own words.",
        },
        "auth": _client_credentials(),
        "item": [
            _folder("Token", [_token_request("Explorer", "client", "accessToken"), _refused_token_request()]),
            _folder("Discovery", _discovery_requests()),
            *(_folder(examples.type.name, _type_requests(examples, nhs_number)) for examples in of_types),
            _folder("Refusals", _refusals()),
            _folder("Access", [_access_folder(prefix, client) for prefix, client in _PAGE_CLIENTS]),
            _folder("Introspection and revocation", _token_management_requests()),
        ],
    }


def _value(key: str, value: str) -> _Json:
    return {"key": key, "value": value, "type": "default", "enabled": True}


def _secret(key: str, value: str) -> _Json:
    return {"key": key, "value": value, "type": "secret", "enabled": True}


# ---------------------------------------------------------------- authorization


def _client_credentials() -> _Json:
    """Postman's own OAuth 2.0, set as the Care Connect page's table says.

    `accessToken` is what the collection's first request stores, for runs without a person; *Get New Access
    Token* puts another in its place.
    """
    return _auth(
        "oauth2",
        grant_type="client_credentials",
        tokenName=_TOKEN_NAME,
        accessTokenUrl="{{base}}/token",
        clientId="{{clientId}}",
        clientSecret="{{clientSecret}}",
        scope="",
        client_authentication="header",
        addTokenTo="header",
        headerPrefix="Bearer",
        tokenType="Bearer",
        accessToken="{{accessToken}}",
    )


def _basic(prefix: str) -> _Json:
    return _auth("basic", username=f"{{{{{prefix}Id}}}}", password=f"{{{{{prefix}Secret}}}}")


def _bearer(variable: str) -> _Json:
    return _auth("bearer", token=f"{{{{{variable}}}}}")


_NO_AUTH: Final[_Json] = {"type": "noauth"}


def _auth(kind: str, **settings: str) -> _Json:
    return {
        "type": kind,
        kind: [{"key": key, "value": value, "type": "string"} for key, value in settings.items()],
    }


# ---------------------------------------------------------------- requests


def _folder(name: str, items: Sequence[_Json], auth: _Json | None = None) -> _Json:
    folder: _Json = {"name": name, "item": list(items)}
    return folder | {"auth": auth} if auth else folder


def _request(
    name: str,
    path: str,
    tests: Iterable[str],
    *,
    query: _Pairs = (),
    method: str = "GET",
    accept: str = _FHIR_JSON,
    headers: _Pairs = (),
    form: _Pairs | None = None,
    auth: _Json | None = None,
) -> _Json:
    """Return one request; `query` and `form` hold decoded values."""
    pairs = [(key, _encoded(value)) for key, value in query]
    raw = "{{base}}" + path + ("?" + "&".join(f"{key}={value}" for key, value in pairs) if pairs else "")
    url: _Json = {"raw": raw, "host": ["{{base}}"], "path": path.removeprefix("/").split("/")}
    if pairs:
        url["query"] = [{"key": key, "value": value} for key, value in pairs]
    request: _Json = {
        "method": method,
        "header": [{"key": key, "value": value} for key, value in (("Accept", accept), *headers)],
        "url": url,
    }
    if form is not None:
        request["body"] = {
            "mode": "urlencoded",
            "urlencoded": [{"key": key, "value": value, "type": "text"} for key, value in form],
        }
    if auth:
        request["auth"] = auth
    script = {"type": "text/javascript", "exec": list(tests)}
    return {"name": name, "request": request, "response": [], "event": [{"listen": "test", "script": script}]}


def _encoded(value: str) -> str:
    """Encode a query's value, Postman's variables excepted: API Gateway refuses a raw `|`."""
    return value if value.startswith("{{") else quote(value, safe="")


def _test(title: str, *statements: str) -> list[str]:
    return [f"pm.test({json.dumps(title)}, () => {{", *(f"  {statement}" for statement in statements), "});"]


def _status(status: int) -> list[str]:
    return _test(f"answers {status}", f"pm.response.to.have.status({status});")


def _media_type(media_type: str) -> list[str]:
    return _test(
        f"is {media_type}", f"pm.expect(pm.response.headers.get('Content-Type')).to.include({json.dumps(media_type)});"
    )


def _header(name: str, text: str) -> list[str]:
    return _test(
        f"{name} says {text}", f"pm.expect(pm.response.headers.get({json.dumps(name)})).to.include({json.dumps(text)});"
    )


def _outcome(code: str) -> list[str]:
    return _test(
        f"is an OperationOutcome: {code}",
        "const outcome = pm.response.json();",
        "pm.expect(outcome.resourceType).to.equal('OperationOutcome');",
        f"pm.expect(outcome.issue[0].code).to.equal({json.dumps(code)});",
    )


def _by_gateway(*tests: str) -> list[str]:
    """Test what API Gateway answers itself, unless the environment says that its responses are not there."""
    return [f"if (pm.environment.get('{_GATEWAY}') !== 'no') {{", *(f"  {line}" for line in tests), "}"]


# ---------------------------------------------------------------- tokens


def _token_request(name: str, prefix: str, variable: str) -> _Json:
    """The call of the Care Connect page: parameters in the query, the secret in the header, no body."""
    return _request(
        name,
        "/token",
        [
            *_status(200),
            *_header("Cache-Control", "no-store"),
            *_test(
                "is a Bearer token with its scope",
                "const answer = pm.response.json();",
                "pm.expect(answer.token_type).to.equal('Bearer');",
                "pm.expect(answer.expires_in).to.be.a('number').within(60, 5400);",
                "pm.expect(answer.scope).to.be.a('string').and.not.empty;",
                f"pm.collectionVariables.set('{variable}', answer.access_token);",
            ),
        ],
        query=(("grant_type", "client_credentials"), ("client_id", f"{{{{{prefix}Id}}}}")),
        method="POST",
        accept="application/json",
        headers=(("Content-Type", _FORM),),
        auth=_basic(prefix),
    )


def _refused_token_request() -> _Json:
    return _request(
        "Without a secret",
        "/token",
        [
            *_status(401),
            *_test("is invalid_client", "pm.expect(pm.response.json().error).to.equal('invalid_client');"),
        ],
        method="POST",
        accept="application/json",
        form=(("grant_type", "client_credentials"),),
        auth=_NO_AUTH,
    )


def _token_management_requests() -> list[_Json]:
    token = (("token", "{{patientAccessToken}}"),)
    return [
        _request(
            name,
            path,
            [*_status(200), *tests],
            method="POST",
            accept="application/json",
            form=token,
            auth=_basic("patientAccess"),
        )
        for name, path, tests in (
            (
                "Introspect a token",
                "/introspect",
                _test(
                    "is active",
                    "const answer = pm.response.json();",
                    "pm.expect(answer.active).to.equal(true);",
                    "pm.expect(answer.client_id).to.equal(pm.environment.get('patientAccessId'));",
                ),
            ),
            ("Revoke it", "/revoke", []),
            (
                "Introspect it again",
                "/introspect",
                _test("is exactly inactive", "pm.expect(pm.response.json()).to.eql({ active: false });"),
            ),
        )
    ]


# ---------------------------------------------------------------- discovery


def _discovery_requests() -> list[_Json]:
    documents = (
        (
            "Signing keys",
            "/.well-known/jwks.json",
            "pm.expect(pm.response.json().keys).to.be.an('array').and.not.empty;",
        ),
        (
            "Authorization server metadata",
            "/.well-known/oauth-authorization-server",
            "pm.expect(pm.response.json().token_endpoint).to.match(/\\/token$/);",
        ),
        (
            "SMART configuration",
            f"{FHIR_PATH}/.well-known/smart-configuration",
            "pm.expect(pm.response.json().capabilities).to.be.an('array');",
        ),
        ("OpenAPI document", "/openapi.json", "pm.expect(pm.response.json().openapi).to.match(/^3\\./);"),
    )
    return [
        *(
            _request(
                name,
                path,
                [*_status(200), *_test("is the document", statement)],
                accept="application/json",
                auth=_NO_AUTH,
            )
            for name, path, statement in documents
        ),
        _request(
            "CapabilityStatement",
            f"{FHIR_PATH}/metadata",
            [
                *_status(200),
                *_media_type(_FHIR_JSON),
                *_test(
                    "lists every type",
                    "const types = pm.response.json().rest[0].resource.map(each => each.type);",
                    f"pm.expect(types).to.have.members({json.dumps([served.name for served in RESOURCE_TYPES])});",
                ),
            ],
            auth=_NO_AUTH,
        ),
    ]


# ---------------------------------------------------------------- reads and searches


def _type_requests(examples: TypeExamples, nhs_number: str) -> list[_Json]:
    served = examples.type
    root = f"{FHIR_PATH}/{served.name}"
    one = f"{root}/{examples.resource_id}"
    requests = [
        _request(f"Read a {served.name}", one, [*_status(200), *_media_type(_FHIR_JSON), *_is_resource(examples)]),
        _request(
            f"Read a {served.name} as XML",
            one,
            [
                *_status(200),
                *_media_type(_FHIR_XML),
                *_test(f"is a {served.name}", f"pm.expect(pm.response.text()).to.include('<{served.name} xmlns=');"),
            ],
            accept=_FHIR_XML,
        ),
        _request(
            f"Read a {served.name} if it has changed",
            one,
            _status(304),
            headers=(("If-None-Match", "{{etag}}"),),
        ),
        _request(f"Read version 1 of a {served.name}", f"{one}/_history/1", [*_status(200), *_is_resource(examples)]),
        *(
            _request(f"Search by {name}", root, _search_tests(served, name), query=((name, value),))
            for name, value in examples.searches
        ),
        _request(
            "Search by a form",
            f"{root}/_search",
            _search_tests(served, "_id"),
            method="POST",
            form=(("_id", examples.resource_id),),
        ),
    ]
    if served.patient_parameter is not None:
        requests.append(
            _request(
                "Search by the patient's NHS number",
                root,
                _search_tests(served, "patient.identifier"),
                query=(("patient.identifier", nhs_number),),
            )
        )
    requests += [
        _request(
            f"Search and {name} {value}",
            root,
            _search_tests(served, name),
            query=(("_id", examples.resource_id), (name, value)),
        )
        for name, value in _follows(served)
    ]
    if served.name == "Patient":
        requests += _patient_requests(root)
    return requests


def _follows(served: ResourceType) -> list[tuple[str, str]]:
    return [
        *(("_include", f"{served.name}:{parameter.name}") for parameter in served.includes),
        *(("_revinclude", f"{source}:{name}") for source, name in REVERSE_INCLUDES.get(served.name, ())),
    ]


def _patient_requests(root: str) -> list[_Json]:
    walk = _test(
        "links to the next page",
        "const next = pm.response.json().link.find(link => link.relation === 'next');",
        "pm.expect(next).to.be.an('object');",
        "pm.collectionVariables.set('next', next.url);",
    )
    following = _request("Patients, the next page", "/", [*_status(200), *_is_bundle(), *_has_matches("Patient")])
    following["request"]["url"] = "{{next}}"
    return [
        _request(
            "Patients, two to a page, by birth date",
            root,
            [*_status(200), *_is_bundle(), *walk],
            query=(("_count", "2"), ("_sort", "birthdate")),
        ),
        following,
        _request(
            "A patient's whole record",
            f"{root}/{PATIENT_ID}/$everything",
            [
                *_status(200),
                *_is_bundle(),
                *_test(
                    "begins with the patient",
                    "pm.expect(pm.response.json().entry[0].resource.resourceType).to.equal('Patient');",
                ),
            ],
        ),
    ]


def _is_resource(examples: TypeExamples) -> list[str]:
    return _test(
        f"is {examples.type.name}/{examples.resource_id}",
        "const resource = pm.response.json();",
        f"pm.expect(resource.resourceType).to.equal({json.dumps(examples.type.name)});",
        f"pm.expect(resource.id).to.equal({json.dumps(examples.resource_id)});",
        "pm.expect(pm.response.headers.get('ETag')).to.equal(`W/\"${resource.meta.versionId}\"`);",
        "pm.collectionVariables.set('etag', pm.response.headers.get('ETag'));",
    )


def _is_bundle() -> list[str]:
    return _test(
        "is a searchset",
        "const bundle = pm.response.json();",
        "pm.expect(bundle.resourceType).to.equal('Bundle');",
        "pm.expect(bundle.type).to.equal('searchset');",
    )


def _has_matches(type_name: str) -> list[str]:
    return _test(
        "has matches of the type",
        "const entries = pm.response.json().entry.filter(entry => entry.search.mode === 'match');",
        "pm.expect(entries).to.be.an('array').and.not.empty;",
        f"entries.forEach(entry => pm.expect(entry.resource.resourceType).to.equal({json.dumps(type_name)}));",
    )


def _search_tests(served: ResourceType, parameter: str) -> list[str]:
    """Expect matches, and the parameter in the self link: one that was not understood is left out of it."""
    return [
        *_status(200),
        *_media_type(_FHIR_JSON),
        *_is_bundle(),
        *_has_matches(served.name),
        *_test(
            f"understood {parameter}",
            "const self = pm.response.json().link.find(link => link.relation === 'self');",
            f"pm.expect(self.url).to.include({json.dumps(parameter + '=')});",
        ),
    ]


# ---------------------------------------------------------------- refusals


def _refusals() -> list[_Json]:
    patient = f"{FHIR_PATH}/Patient/{PATIENT_ID}"
    challenge = "WWW-Authenticate"
    return [
        _request(
            "No token",
            patient,
            [*_status(401), *_by_gateway(*_outcome("login"), *_header(challenge, "Bearer realm="))],
            auth=_NO_AUTH,
        ),
        _request(
            "A token that is none",
            patient,
            [*_status(401), *_outcome("login"), *_header(challenge, 'error="invalid_token"')],
            headers=(("Authorization", "Bearer not.a.token"),),
            auth=_NO_AUTH,
        ),
        _request("No such patient", f"{FHIR_PATH}/Patient/no-such-patient", [*_status(404), *_outcome("not-found")]),
        _request(
            "A malformed date", f"{FHIR_PATH}/Patient", [*_status(400), *_outcome("value")], query=(("birthdate", "x"),)
        ),
        _request("A format that is none", patient, _status(406), query=(("_format", "turtle"),)),
        _request("Deleting", patient, [*_status(405), *_header("Allow", "GET")], method="DELETE"),
    ]


def _access_folder(prefix: str, client: DemoClient) -> _Json:
    """One client of the page: its token, and every type searched, opened or refused as its scopes say."""
    grants = grants_of(" ".join(client.scopes))
    variable = f"{prefix}Token"
    requests = [_token_request("Token", prefix, variable)]
    for served in RESOURCE_TYPES:
        allowed = grants.permits(served.name, Interaction.SEARCH)
        requests.append(
            _request(
                f"{served.name}: {'yes' if allowed else 'no'}",
                f"{FHIR_PATH}/{served.name}",
                _status(200)
                if allowed
                else [*_status(403), *_by_gateway(*_header("WWW-Authenticate", "insufficient_scope"))],
                query=(("_count", "1"),),
            )
        )
    return _folder(client.name, requests, _bearer(variable))
