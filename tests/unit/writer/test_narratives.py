"""Narratives over HTTP: the same answers to JSON, XML and patches, and to the loader (`write.md`, Narratives)."""

import pytest

from careconnect_admin.loading.load_request import LoadRequest
from careconnect_admin.loading.reading.checked import checked
from careconnect_admin.loading.reading.found import Place, Problem, Upsert
from careconnect_testing.http.writes import PATCH, XML, patient
from careconnect_testing.parts.record_writers import Writer, issues_in
from careconnect_testing.running.cases import each_of

XHTML = "http://www.w3.org/1999/xhtml"
PLACE = ("Patient.text.div",)


@pytest.fixture
def stored(writer: Writer) -> Writer:
    """A writer over tables with Patient/4."""
    writer.made(patient(id="4", active=True))
    return writer


@each_of(
    ("inside", "status", "code"),
    [
        ("<b>b</b>", 200, ""),
        ("<!--><img src=x onerror=alert(2)>-->", 400, "structure"),
        ("<![CDATA[><img src=x onerror=alert(1)>]]>", 400, "structure"),
        ("<!---><script>alert(1)</script>-->", 400, "structure"),
        ("<?pi x?>", 400, "structure"),
        ("<script>alert(1)</script>", 422, "invalid"),
        ("<b onclick='alert(1)'>b</b>", 422, "invalid"),
        (f"<x:b xmlns:x='{XHTML}'>b</x:b>", 422, "invalid"),
        ("<a href='Patient/4'>b</a>", 422, "invalid"),
        ("<img src='https://example.org/x.png'/>", 422, "invalid"),
        ("<b style='position:fixed'>b</b>", 422, "invalid"),
    ],
)
def test_m6_a_narrative_that_a_browser_would_read_otherwise(
    stored: Writer, inside: str, status: int, code: str
) -> None:
    div = f'<div xmlns="{XHTML}">a{inside}</div>'
    text = {"status": "generated", "div": div}
    resource = patient(id="4", text=text)
    xml = f'<Patient xmlns="http://hl7.org/fhir"><id value="4"/><text><status value="generated"/>{div}</text></Patient>'

    answers = [
        stored.update(resource),
        stored.send("PUT", "Patient/4", xml, type_=XML, Accept="application/fhir+json"),
        stored.send("PATCH", "Patient/4", [{"op": "add", "path": "/text", "value": text}], type_=PATCH),
    ]

    assert [answer.status for answer in answers] == [status] * 3
    loaded = checked(Upsert(Place("a.json", 1), resource, 1))
    if not code:
        assert isinstance(loaded, LoadRequest)
        return
    # The parser of XML refuses markup before there is a place.
    places = [PLACE, () if code == "structure" else PLACE, PLACE]
    assert [issues_in(answer) for answer in answers] == [[(code, place)] for place in places]
    assert "alert" not in "".join(answer.text for answer in answers)
    assert isinstance(loaded, Problem)
    diagnostics = answers[0].json["issue"][0]["diagnostics"]
    assert str(loaded).endswith(f"Patient/4: {diagnostics.removesuffix('.')}")


def test_faults_of_structure_come_before_all_others(stored: Writer) -> None:
    answer = stored.update(patient(id="4", gender="x", text={"status": "generated", "div": "<div>a<!-- b --></div>"}))

    assert (answer.status, issues_in(answer)) == (400, [("structure", PLACE)])
