"""Malformed bodies: invalid UTF-8, ambiguous JSON, and XML entities."""

from typing import Any, Final

from careconnect_testing.attacks.target import Attack, Role, Target, require_status
from careconnect_testing.http.writes import JSON, XML

_JSON: Final = {"Content_Type": JSON}
_XML: Final = {"Content_Type": XML}
_BYTES: Final[tuple[tuple[bytes, dict[str, str]], ...]] = (
    (b'{"resourceType":"Organization","name":"\xff\xfe"}', _JSON),
    (b'{"resourceType":"Organization","name":"caf\xe9"}', _JSON),
    (b'{"resourceType":"Organization","name":"\xed\xa0\x80"}', _JSON),
    (b'<Organization xmlns="http://hl7.org/fhir"><name value="caf\xe9"/></Organization>', _XML),
    ('<?xml version="1.0" encoding="UTF-16"?><Organization/>'.encode("utf-16"), _XML),
)
_STRUCTURES: Final[tuple[tuple[bytes, dict[str, str]], ...]] = (
    (b'{"resourceType":"Organization","name":"a","name":"b"}', _JSON),
    (b'{"resourceType":"Organization","name":"a",}', _JSON),
    (b'{"resourceType":"Organization","name":NaN}', _JSON),
    (b'{"resourceType":"Organization","name":"\\ud800"}', _JSON),
    (b'{"resourceType":"Organization","extension":[' + b"[" * 100_000, _JSON),
    (b'{"resourceType":"Organization","name":' + b"1" * 100_000 + b"}", _JSON),
    (b'[{"resourceType":"Organization"}]', _JSON),
)
_ENTITIES: Final[tuple[tuple[bytes, dict[str, str]], ...]] = tuple(
    (
        f'<!DOCTYPE x [{entity}]><Organization xmlns="http://hl7.org/fhir"><name value="&e;"/></Organization>'.encode(),
        _XML,
    )
    for entity in (
        '<!ENTITY e "x">',
        '<!ENTITY e SYSTEM "file:///etc/passwd">',
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY e "&b;&b;&b;&b;&b;&b;">',
    )
)


def _refused(bodies: tuple[tuple[bytes, dict[str, str]], ...]) -> Any:
    def make(target: Target) -> None:
        token = target.token(Role.WRITER)
        for content, headers in bodies:
            answer = target.send("POST", "Organization", token, content=content, **headers)
            target.remove(answer, token)
            require_status(answer, (400, 413, 415, 422))

    return make


ATTACKS: Final = (
    Attack("bodies that are not UTF-8", _refused(_BYTES)),
    Attack("bodies that two parsers read differently", _refused(_STRUCTURES)),
    Attack("entities and external files in XML", _refused(_ENTITIES)),
)
