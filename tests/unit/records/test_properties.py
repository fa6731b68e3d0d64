"""Any source is either refused with an error, or stored so that all parsers read it alike."""

import copy
from collections.abc import Iterator
from typing import Any

from fhir.resources.STU3 import get_fhir_model_class
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from careconnect.fhir.rendering.xml_writer import resource_xml
from careconnect.fhir.resource_types import resource_type
from careconnect.search.values import SearchValueError
from careconnect_admin.sample.records import sample_resources
from careconnect_records.items.resource_items import TooLargeError
from careconnect_records.parsing.exact_json import JsonNumber, json_text, parse_json
from careconnect_records.stu3.validation import InvalidResourceError, validate
from careconnect_records.writes.plan import plan_version
from careconnect_records.writes.target import Target

_BY_TYPE = {each["resourceType"]: each for each in sample_resources()}

_STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(10**20), max_value=10**20),
    st.sampled_from([JsonNumber(text) for text in ("1.10", "0.0", "-1E3", "1e400", "0.000000000000000000001")]),
    st.text(max_size=8),
    st.sampled_from(
        [
            *("2017", "2017-02-30", "0000", "9999-12-31T23:59:59+14:00", "0001-01-01T00:00:00+14:00", "24:00:00"),
            *("2016-12-31T23:59:60Z", "final", "Patient/4", "#x", "urn:uuid:x", "http://[", "a\tb\r\nc", " x ", "\x00"),
        ]
    ),
    st.sampled_from(
        [[], {}, [None], [[]], {"extension": []}, {"coding": [{}]}, {"reference": 4}, {"resourceType": "x"}]
    ),
)


def places_in(node: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (object or array, key or index) of a resource."""
    for key, child in node.items() if isinstance(node, dict) else enumerate(node):
        yield node, key
        if isinstance(child, dict | list):
            yield from places_in(child)


@st.composite
def damaged(draw: st.DrawFn) -> dict[str, Any]:
    """Return a sample resource with a few values replaced, added or removed."""
    resource = copy.deepcopy(_BY_TYPE[draw(st.sampled_from(sorted(_BY_TYPE)))])
    for _ in range(draw(st.integers(min_value=1, max_value=2))):
        places = [(node, key) for node, key in places_in(resource) if key not in ("resourceType", "id")]
        node, key = draw(st.sampled_from(places))
        action = draw(st.sampled_from(["replace", "replace", "remove", "extend"]))
        if action == "replace":
            node[key] = copy.deepcopy(draw(_STRANGE))
        elif action == "remove":
            del node[key]
        elif isinstance(node, dict):
            node[f"_{key}"] = {"extension": [{"url": "urn:x", "valueString": "x"}]}
    return resource


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(damaged())
def test_what_is_not_refused_is_read_alike_by_all(resource: dict[str, Any]) -> None:
    served = resource_type(resource["resourceType"])
    assert served is not None
    try:
        validate(resource)
        plan = plan_version(Target(served, resource["id"]), resource, 1, 1_714_557_600_123)
    except (InvalidResourceError, SearchValueError, TooLargeError):
        return
    assert plan.body
    json_body = plan.body["body"]["S"]
    xml_body = resource_xml(json_body)
    assert json_text(parse_json(json_body)) == json_body
    etree.fromstring(xml_body.encode())
    # It raises if the models refuse what our own walk over the same definitions takes.
    model = get_fhir_model_class(served.name)
    from_json = model.model_validate(parse_json(json_body)).model_copy(update={"text": None})
    assert model.model_validate_xml(xml_body.encode()).model_copy(update={"text": None}) == from_json
    for item in plan.entries.values():
        assert len(item["pk"]["S"].encode()) <= 2048
        assert len(item["sk"]["S"].encode()) <= 1024
