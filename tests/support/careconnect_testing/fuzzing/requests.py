"""The corpus of requests without a resource: HTTP messages, credentials, tokens and scopes."""

import base64
import json
from typing import Any, Final

from careconnect.http.base_url import FHIR_PATH
from careconnect.oauth.access_token import TOKEN_TYPE
from careconnect.oauth.base64url import encode
from careconnect.oauth.signing_keys import thumbprint
from careconnect_testing.fuzzing.bodies import OBSERVATION, PATIENT
from careconnect_testing.fuzzing.messages import message_event
from careconnect_testing.fuzzing.services import BASE, CLIENT, KEY_CLIENT, NOW, SECRET, services
from careconnect_testing.parts.dpop_proofs import key_of

_FORM: Final = "Content-Type: application/x-www-form-urlencoded"
_BASIC: Final = f"Authorization: Basic {base64.b64encode(f'{CLIENT}:{SECRET}'.encode()).decode()}"
_GRANT: Final = "grant_type=client_credentials"
_ASSERTION: Final = "urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
_JWT: Final = ".".join(map(encode, (b'{"alg":"ES256","kid":"key-1"}', b'{"sub":"client-2"}', b"signature")))


def _encoded(*messages: str) -> tuple[bytes, ...]:
    return tuple(message.encode() for message in messages)


TOKENS: Final = _encoded(
    f"POST /token\n{_FORM}\n{_BASIC}\n\n{_GRANT}&scope=user%2FPatient.read+profile",
    f"POST /token?{_GRANT}&client_id={CLIENT}\n{_FORM}\n{_BASIC}\n\n",
    f"POST /token\n{_FORM}\n\n{_GRANT}&client_id={CLIENT}&client_secret={SECRET}",
    f"POST /token\n{_FORM}\n\n{_GRANT}&client_assertion_type={_ASSERTION}&client_assertion={_JWT}",
    f"POST /introspect\n{_FORM}; charset=utf-8\n{_BASIC}\n\ntoken={_JWT}&token_type_hint=access_token",
    f"POST /revoke\n{_FORM}\n{_BASIC}\nX-Request-Id: a-request\n\ntoken={_JWT}",
    f"OPTIONS /token\nOrigin: {BASE}\n\n",
    f"PUT /revoke\n{_BASIC}\n\n",
)
"""Calls of the three endpoints of the issuer."""

TOKEN_WORDS: Final = _encoded(
    *("&client_id=", "&client_secret=", "&grant_type=", "&scope=", "&token=", "&client_assertion=", "%3A", "Basic "),
    *("\nAuthorization: Basic ", "\nAuthorization: Bearer ", "bm9ib2R5Og==", "Og==", "OnNlY3JldA==", "_-_-", "eyJ9."),
    *("\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "\nContent-Type: text/plain", "a.b.c"),
)

SCOPES: Final = _encoded(
    *("user/Patient.read profile", "system/*.cruds", "patient/Observation.rs?category=vital-signs", "openid fhirUser"),
    *("user/*.*", "launch/patient offline_access", "user/Pateint.read", "user/AuditEvent.write", "system/Patient.c"),
)
SCOPE_WORDS: Final = _encoded(
    *("user/", "patient/", "system/", "Patient", "Observation", "*", ".read", ".write", ".cruds", ".", " ", "  ", "?"),
    *("?a=b", "profile", "AuditEvent", "\t", "\\", '"', "%20"),
)

SEARCHES: Final = _encoded(
    "GET Patient?name=kanfeld&birthdate=ge1990-01&_sort=-birthdate&_count=2",
    "GET Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9658218873&gender:not=male",
    "GET Patient?identifier=965 821 8873&family:exact=Kanfeld&given:contains=ern",
    "GET Patient?_has:Observation:patient:code=http://loinc.org|8867-4&_revinclude=Observation:patient",
    "GET Patient?address-postalcode=LS1&telecom=Bernie@Example.org&phone=0113&_total=accurate",
    "GET Observation?patient=Patient/4&code=8867-4,|x,http://loinc.org|&date=sa2017-10-01T08:00:00.123Z",
    "GET Observation?value-quantity=ge5.40|http://unitsofmeasure.org|mmol/L&code-value-quantity=a$gt1e2",
    "GET Observation?component-code-value-quantity=8480-6$gt140&_include=Observation:patient:Patient",
    "GET Observation?subject:Patient.name=kan&encounter.patient=4&patient.identifier=9658218873",
    "GET Encounter?location.name=a&_include:recurse=*&_elements=status,period&_summary=true",
    "GET Condition?asserted-date:missing=false&clinical-status=active&_lastUpdated=gt2020&_sort=_lastUpdated,_id",
    f"GET Condition?subject={BASE}{FHIR_PATH}/Patient/4&encounter=e1&date=ap2017&date=ne2018&_format=xml",
    "GET Patient/4/Observation?code=8867-4&date=2017-10&_pretty=true\nPrefer: handling=strict",
    "GET Patient/4/$everything?_count=3&_elements=id",
    "GET Patient/4/$everything?start=2017&end=2018-06-15&_type=Patient,Observation&_since=2017-10-19T08:00:00Z",
    "POST Patient/4/$everything\nContent-Type: application/fhir+json\n\n"
    '{"resourceType":"Parameters","parameter":[{"name":"start","valueDate":"2017"},{"name":"_count","valueInteger":1}]}',
    "POST Patient/4/$everything\nContent-Type: application/fhir+xml\n\n"
    '<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="end"/><valueDate value="2018"/></parameter>'
    "</Parameters>",
    "GET Observation/o1/_history?_since=2017-10-19T08:00:00Z&_count=1",
    f"POST Patient/_search?_count=1\n{_FORM}\n\nname=kanfeld%2Cmu%C3%B1oz&_sort=family&_format=json",
    f"POST Patient/4/Condition/_search\n{_FORM}\n\ncode=http%3A%2F%2Fsnomed.info%2Fsct%7C195967001",
    "GET Organization?name=a\\,b,c\\|d&identifier=RVN&_profile=https://example.org/a&type=x",
    "GET PractitionerRole?practitioner.name=x&organization=P1&_sort=_id",
    "GET MedicationStatement?medication.code=x&status=active&effective=lt2020&category=patientspecified",
)
SEARCH_WORDS: Final = _encoded(
    *("&name=", "&date=", "&code=", "&_sort=", "&_count=", "&_include=", "&_has:", "&patient.", "&_total=accurate"),
    *(":missing=true", ":exact", ":not", ":contains", ":Patient", ":recurse", "&_elements=", "&_summary=", "&_format="),
    *("eq", "ne", "gt", "le", "sa", "ap", "2017", "2017-02-29", "T24:00", "+14:00", "Z", "0000", "9999"),
    *("-12-31T23:59",),
    *("%7C", "%2C", "%24", "%5C", "5.4e-999", "5.4e999", "1e40", "-", "Patient/4", "http://", "urn:uuid:", "&_cursor="),
    *("_id=4", "\nPrefer: handling=lenient", "\nCache-Control: no-cache", "&_since=", "&access_token=a"),
    *("value-quantity=",),
)

_ASYNC: Final = "Prefer: respond-async"
_FILTERS: Final = (
    "_typeFilter=Patient%3Fname%3Dkanfeld%26gender%3Amissing%3Dtrue&_typeFilter=Observation%3Fcode%3D8867-4"
)

KICK_OFFS: Final = _encoded(
    f"GET $export?_type=Patient&_since=2017-10-19T08:00:00.1Z&_until=2026-01-01T00:00:00%2B01:00\n{_ASYNC}",
    f"GET Patient/$export?{_FILTERS}&_elements=Patient.name,status,value%5Bx%5D\n{_ASYNC}, handling=lenient",
    f"GET $export?_outputFormat=application/fhir%2Bndjson&organizeOutputBy=Patient\n{_ASYNC}\nAccept: */*",
    f"GET $export?_typeFilter=Patient%3Fidentifier%3Da%257C9658218873%26_id%3D9658218873\n{_ASYNC}",
    f"POST Patient/$export?_type=Condition\n{_ASYNC}\nContent-Type: application/fhir+json\n\n"
    '{"resourceType":"Parameters","parameter":[{"name":"patient","valueReference":{"reference":"Patient/4"}}]}',
    f"GET $export/{'0' * 32}?a=b\nAccept: application/fhir+xml",
    f"DELETE $export/{'0' * 32}",
    f"HEAD Patient/$export\n{_ASYNC}",
)
KICK_OFF_WORDS: Final = _encoded(
    *("&_type=", "&_since=", "&_until=", "&_elements=", "&_typeFilter=", "&patient=Patient/4", "&_outputFormat="),
    *("Patient%3F", "Observation%3F", "%26", "%3D", "%2C", "%25", "%25FF", "%3Apatient", ".name", "Patient.", "[x]"),
    *("AuditEvent", "Medication", "ndjson", "2017", "T24:00:00Z", "+14:00", ".9999Z", "0000", "_has%3A", "_count%3D"),
    *("\nPrefer: ", "handling=lenient", ";q=0", "\nAccept: ", "/", "$export", "?", "&access_token=a"),
)

PATHS: Final = _encoded(
    "GET Patient/4?_pretty=true\nAccept: application/fhir+xml;q=0.9, application/json;q=0.1;fhirVersion=3.0",
    'GET Patient/4/_history/1?_summary=text\nIf-None-Match: W/"1"\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT',
    "HEAD Observation/o1\nIf-Modified-Since: Thu, 26 Nov 2026 12:00:00 GMT\nIf-None-Match: *",
    "GET Organization/P1?_elements=name,id&_format=application/fhir+json;fhirVersion=3.0.1",
    "GET Patient/4%2F_history\nX-Request-Id: abc\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "GET Bundle/4/$validate",
    "GET metadata?_format=xml&_pretty=true",
    "GET /.well-known/jwks.json?_pretty=true",
    "GET .well-known/smart-configuration",
    "GET /openapi.json",
    'GET /\nAccept: text/html,application/xhtml+xml;q=0.9\nIf-None-Match: W/"a"',
    "GET /assets/a.js\nAccept-Encoding: gzip",
    "GET AuditEvent/0190a8c0d4f0-1" + "0" * 31,
    "DELETE /nowhere/./;a=b//",
    "POST \nContent-Type: application/fhir+json\n\n{}",
    f"OPTIONS Patient\nOrigin: {BASE}\nAccess-Control-Request-Method: PUT",
)
PATH_WORDS: Final = _encoded(
    *("/_history", "/_history/", "/$everything", "/_search", "/Observation", "Patient/", "%2e%2e", "%2f", "%00", "//"),
    *("?_format=xml", "?_format=", "&_summary=true", "&_elements=", "\nAccept: ", "*/*", ";q=0", ";q=1.0001", ", ,"),
    *(";fhirVersion=4.0", ";charset=utf-16", "\nIf-None-Match: ", "\nIf-Modified-Since: ", "GMT", "Sun, 06 Nov 1994"),
    *("99999999999999999999", "W/", '"1"', "\nPrefer: ", "\nOrigin: ", "\nX-Request-Id: ", "\nTE: a\nTE: b", "٤"),
)

FORMATS: Final = _encoded(
    "xml\napplication/fhir+xml;q=0.9, application/json;q=0.1;fhirVersion=3.0\napplication/fhir+json; charset=utf-8",
    "\n*/*;q=0.5,text/*,application/fhir+json;fhirVersion=4.0;q=1.000\ntext/xml",
    'application/fhir json;fhirVersion="3.0.1"\n\napplication/json+fhir;fhirVersion=3.0',
    "\ntext/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\n",
)
JSON_WORDS: Final = _encoded(
    *("\\u0000", "\\ud83d\\ude00", "\\ud83d", "\\", '\\"', "1e5", "-0.0", "1E+400", "NaN", "-Infinity", "01", "1."),
    *(".5",),
    *('"id":"4",', '"":', ",", ":", "{}", "[]", "null", "true", "//", "/**/", '"', "'", "[[[[", '{"a":{"a":', "\ufeff"),
)

EVENTS: Final = _encoded(
    "GET AuditEvent?patient=Patient/4&date=ge2026-11-01&_count=2&_sort=-date",
    "GET AuditEvent?entity=Observation/o1&type=rest&action=R&outcome=0&agent=client-1",
    "GET AuditEvent?_id=019ac0000000-0123&subtype=read&_total=accurate&_format=xml",
    f"POST AuditEvent/_search\n{_FORM}\n\npatient=4&date=lt2026-11-26T12%3A00%3A00Z",
)

CONDITIONS: Final = _encoded(
    f'PUT Patient/4\nContent-Type: application/fhir+json\nIf-Match: W/"1"\nPrefer: return=minimal\n\n{PATIENT}',
    "PUT Patient?identifier=https://fhir.nhs.uk/Id/nhs-number|9658218873\nContent-Type: application/json\n\n" + PATIENT,
    "POST Observation\nContent-Type: application/fhir+json; charset=utf-8\nIf-None-Exist: identifier=https://a.example/"
    f"%7C1\nPrefer: return=OperationOutcome\n\n{OBSERVATION}",
    'DELETE Observation/o1?_pretty=true\nIf-Match: "1", W/"2"\n\n',
    "DELETE Observation?identifier=|1&_format=xml\nAccept: application/fhir+xml\n\n",
    'PATCH Patient/4\nContent-Type: application/json-patch+json\nIf-Match: *\n\n[{"op":"test","path":"/id","value":4}]',
    "POST Patient/4/Observation\nContent-Type: application/fhir+json\n\n{}",
    "POST Medication\nIf-None-Exist: Medication?identifier=a|b\nContent-Type: text/json\n\n{}",
)
CONDITION_WORDS: Final = _encoded(
    *("\nIf-Match: ", "\nIf-None-Match: *", "\nIf-None-Exist: ", "identifier=", "identifier=a|b", "identifier=a|b,c|d"),
    *("W/", '"1"', '""', "*", ", ", "\nPrefer: return=", "representation", "respond-async", "?identifier="),
    *("&identifier=",),
    *("%7C", "|", "\\|", "?_format=", "&name=a", "\nContent-Encoding: gzip", "\nContent-Type: ", ";fhirVersion=4.0"),
)

GATEWAY: Final = _encoded(
    *(
        f"{head}\n\n{base64.b64encode(body.encode()).decode()}"
        for head, body in (
            ("PUT Patient/4\nContent-Type: application/fhir+json", PATIENT),
            (f"POST Patient/_search\n{_FORM}", "name=kanfeld"),
            (f"POST /token\n{_FORM}\n{_BASIC}", _GRANT),
            ("PATCH Patient/4\nContent-Type: application/json-patch+json", "[]"),
        )
    )
)
"""Messages whose body is the base64 of the gateway."""


def assertions() -> tuple[bytes, ...]:
    """Return client assertions as JSON of header and claims; the key's client signs them."""
    header = {"alg": "ES256", "kid": "key-1", "typ": "JWT"}
    claims = {"iss": KEY_CLIENT, "sub": KEY_CLIENT, "aud": f"{BASE}/token", "exp": NOW + 200, "iat": NOW, "jti": "j"}
    more = {"aud": [BASE, "x"], "nbf": NOW, "extra": {"a": [1, 2]}}
    return _documents([header, claims], [{**header, "jku": "https://a.example", "alg": "RS256"}, {**claims, **more}])


def proofs() -> tuple[bytes, ...]:
    """Return DPoP proofs as JSON of header and claims; the key in the header signs them."""
    jwk = dict(key_of(services().client_key).jwk)
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
    claims = {"jti": "j", "htm": "POST", "htu": f"{BASE}/token", "iat": NOW}
    more = {"exp": NOW + 60, "nbf": NOW, "ath": "x", "nonce": "x" * 30}
    rsa = {"kty": "RSA", "e": "AQAB", "n": "AQ" * 171}
    return _documents(
        [header, claims], [header, {**claims, **more}], [{**header, "alg": "PS256", "jwk": {**jwk, **rsa}}, claims]
    )


def access_tokens() -> tuple[bytes, ...]:
    """Return access tokens as JSON of header and claims; the server's key signs them."""
    header = {"alg": "RS256", "typ": TOKEN_TYPE, "kid": thumbprint(services().kms.private.public_key())}
    claims = {"iss": BASE, "sub": CLIENT, "client_id": CLIENT, "aud": BASE + FHIR_PATH, "iat": NOW, "exp": NOW + 600}
    claims |= {"jti": "j", "scope": "user/Patient.read profile system/*.cruds"}
    bound = {
        "cnf": {"jkt": "x"},
        "dpop_nonce": True,
        "patient": "4",
        "identifier_systems": ["https://a.example"],
        "client_name": "A name",
        "nbf": NOW,
    }
    return _documents([header, claims], [{**header, "crit": ["b64"]}, claims], [header, {**claims, **bound}])


def links() -> tuple[bytes, ...]:
    """Return requests of `next` links as the server gives them."""
    found = []
    for target in (
        "Observation?patient=4&_count=2",
        "Observation?_sort=date&_count=1",
        "Patient/4/$everything?_count=2",
        "Patient?_count=1",
    ):
        event = message_event(f"GET {target}".encode(), services().authorizer())
        _, function = services().route("GET", event["path"])
        bundle = json.loads(function(event)["body"])
        url = next(link["url"] for link in bundle["link"] if link["relation"] == "next")
        found.append(f"GET {url.removeprefix(BASE)}".encode())
    services().observer.clear()
    return tuple(found)


def _documents(*documents: Any) -> tuple[bytes, ...]:
    return tuple(json.dumps(document).encode() for document in documents)
