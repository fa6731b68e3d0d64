"""What one version of a resource may store (`write.md`, Limits; ADR 38)."""

from typing import Any

import pytest

from careconnect_testing.http.writes import patient
from careconnect_testing.parts.record_writers import WRITE, Writer, issues_in
from careconnect_testing.records.stored import stored

IDENTIFIERS = [{"system": "urn:x", "value": str(number)} for number in range(600)]
REFERENCES = [{"url": "urn:x", "valueReference": {"reference": f"Organization/{each}"}} for each in range(201)]
LONG = [{"system": "urn:x", "value": f"{number:060}"} for number in range(50)]
NAMES = [{"family": f"N{number}"} for number in range(200)]


@pytest.mark.parametrize(
    ("elements", "element"),
    [
        ({"identifier": IDENTIFIERS}, "Patient.identifier"),
        ({"identifier": LONG, "name": NAMES[:40]}, "Patient.identifier"),
        ({"name": NAMES}, "Patient.name"),
        ({"extension": REFERENCES}, "Patient.extension"),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_m5_a_resource_that_would_store_too_much_is_422_by_its_element(
    writer: Writer, method: str, elements: dict[str, Any], element: str
) -> None:
    """M5: 600 identifiers in 22.8 KB stored 6.45 MB."""
    for each in REFERENCES:
        if "extension" in elements:
            type_, _, id_ = each["valueReference"]["reference"].partition("/")  # type: ignore[index]
            writer.made({"resourceType": type_, "id": id_, "name": "A practice"})
    writer.made({**patient(), "id": "4"})
    before = stored(writer.reader.tables)
    writer.calls.clear()

    if method == "POST":
        answer = writer.create(patient(**elements))
    elif method == "PUT":
        answer = writer.update({**patient(**elements), "id": "4"})
    else:
        adds = [{"op": "add", "path": f"/{name}", "value": value} for name, value in elements.items()]
        answer = writer.patch("Patient/4", *adds)

    assert (answer.status, issues_in(answer)) == (422, [("too-costly", (element,))])
    assert WRITE not in writer.calls
    assert stored(writer.reader.tables) == before


def test_an_index_that_no_item_holds_is_refused_likewise(writer: Writer) -> None:
    codes = [{"system": "urn:x", "value": f"{number:04d}{'x' * 180}"} for number in range(1200)]
    answer = writer.create(patient(identifier=codes))

    assert (answer.status, issues_in(answer)) == (422, [("too-costly", ("Patient.identifier",))])
