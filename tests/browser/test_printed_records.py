"""Print records of every size: a summary has two pages at most, and is whole where a gap would be dangerous."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pytest
from playwright.sync_api import Page, Route, expect

from careconnect_testing.page.browser import Visit
from careconnect_testing.page.record_visits import go_to_record

pytestmark = [pytest.mark.integration, pytest.mark.long]

Visiting = Callable[..., Visit]

PATIENT: Final = "printed"
BORN: Final = "NHS number 999 000 0506, born 3 Feb 1950"
LONG_NAME: Final = "Featherstonehaugh of the Longest Name in the Whole District"


def test_any_records_summary_has_two_pages_at_most(visit: Visiting) -> None:
    page = _signed_in(visit)
    records: tuple[dict[str, Any], ...] = (
        {},
        {"problems": 3, "medicines": 4, "allergies": 2, "kinds": 8},
        {"problems": 40, "medicines": 20, "allergies": 6, "kinds": 30},
        {"problems": 100, "medicines": 30, "allergies": 10, "kinds": 60},
        {"problems": 15, "medicines": 8, "allergies": 3, "kinds": 10, "words": 6},
        {"problems": 100, "kinds": 100, "words": 3},
        {"medicines": 40, "allergies": 4},
    )
    for sizes in records:
        _open(page, _record(**sizes))
        printed = _printed(page)
        assert 1 <= printed.pages <= 2, sizes
        # What a person may be harmed by.
        for number in range(sizes.get("medicines", 0)):
            assert f"Medicine {number} 40mg tablets" in printed.text, sizes
        for number in range(sizes.get("allergies", 0)):
            assert f"Allergy to substance {number}" in printed.text, sizes
        assert "longer than two pages" not in printed.text
        assert "INCOMPLETE" not in printed.text
        if sizes.get("problems", 0) == 100:
            shown = len(re.findall(r"^(?:Osteoarthritis \d+ ?)+$", printed.text, re.MULTILINE))
            assert 5 <= shown < 100
            assert f"{100 - shown} more in the whole record." in printed.text


def test_a_summary_is_as_long_as_its_allergies_and_medicines_and_says_why(visit: Visiting) -> None:
    page = _signed_in(visit)
    _open(page, _record(problems=40, medicines=90, allergies=20))
    printed = _printed(page)
    assert printed.pages > 2
    assert "longer than two pages, as allergies and current medicines are printed whole" in printed.text
    assert all(f"Medicine {number} 40mg tablets" in printed.text for number in range(90))


def test_what_was_opened_on_the_screen_makes_a_summary_no_longer(visit: Visiting) -> None:
    page = _signed_in(visit)
    _open(page, _record(problems=40, medicines=4, kinds=30))
    for button in ("Show all 40 entries", "Show all 30 values"):
        page.get_by_role("button", name=button).click()
    for each in page.get_by_role("region", name="Problems").locator(".entry-title").all()[:6]:
        each.click()
    assert _printed(page).pages <= 2
    problems = page.get_by_role("region", name="Problems")
    expect(problems.locator(".entry")).to_have_count(40)
    expect(problems.locator(".entry-whole")).to_have_count(6)


def test_each_page_names_the_patient_and_what_was_not_read(visit: Visiting) -> None:
    page = _signed_in(visit)
    resources = _record(problems=30, medicines=20, family=LONG_NAME)
    _open(page, resources, following=f"{page.url.split('#', 1)[0]}next$everything?page=2")
    head = page.locator(".printed-by")
    page.emulate_media(media="print")
    assert head.evaluate("one => getComputedStyle(one).display") == "table-header-group"
    assert head.evaluate("one => one.getBoundingClientRect().height") < 100
    text = head.evaluate("one => one.textContent")
    for said in (LONG_NAME.upper(), BORN, "INCOMPLETE: not all of it was read."):
        assert said in text


@dataclass(frozen=True)
class _Printed:
    pages: int
    text: str


def _printed(page: Page) -> _Printed:
    """Return the number of a PDF's pages, and the text that is shown in print."""
    page.emulate_media(media="print")
    pages = len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4")))
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    text = page.locator(".record").inner_text()
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.emulate_media(media="screen")
    return _Printed(pages, text)


def _signed_in(visit: Visiting) -> Page:
    tab = visit()
    page = tab.open()
    tab.sign_in()
    return page


def _open(page: Page, resources: list[dict[str, Any]], following: str = "") -> None:
    """Open a record that the server is made to answer with."""
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"resource": each} for each in resources],
        "link": [{"relation": "next", "url": following}] if following else [],
    }

    def answer(route: Route) -> None:
        route.fulfill(content_type="application/fhir+json", body=json.dumps(bundle))

    page.unroute("**/$everything?_count*")
    page.route("**/$everything?_count*", answer)
    go_to_record(page, "")
    page.get_by_role("heading", name="Whose record?").wait_for()
    go_to_record(page, PATIENT)
    page.get_by_role("region", name="Medication").wait_for()
    expect(page.get_by_text("Reading the record")).to_have_count(0)


def _record(
    *, problems: int = 0, medicines: int = 0, allergies: int = 0, kinds: int = 0, words: int = 1, family: str = "Long"
) -> list[dict[str, Any]]:
    """Return a record of so many entries, each measurement in a dozen values, its texts so many times as long."""
    patient = {
        "resourceType": "Patient",
        "id": PATIENT,
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000506"}],
        "name": [{"use": "official", "family": family, "given": ["Ann"]}],
        "birthDate": "1950-02-03",
        "address": [{"line": [f"{number} Long Street"], "city": "Lindale Moor"} for number in range(9)],
    }
    return [patient, *_entries(problems, medicines, allergies, kinds, words)]


def _entries(problems: int, medicines: int, allergies: int, kinds: int, words: int) -> Iterator[dict[str, Any]]:
    whose = {"reference": f"Patient/{PATIENT}"}

    def text(said: str) -> str:
        return " ".join([said] * words)

    for number in range(problems):
        yield {
            "resourceType": "Condition",
            "id": str(number),
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "severity": {"text": "Moderate"},
            "bodySite": [{"text": "Left knee joint"}],
            "code": {"text": text(f"Osteoarthritis {number}")},
            "subject": whose,
            "onsetDateTime": f"2019-{number % 12 + 1:02}-10",
        }
    for number in range(medicines):
        yield {
            "resourceType": "MedicationStatement",
            "id": str(number),
            "status": "active",
            "medicationCodeableConcept": {"text": text(f"Medicine {number} 40mg tablets")},
            "subject": whose,
            "taken": "y",
            "effectivePeriod": {"start": f"2024-{number % 12 + 1:02}-02"},
            "dosage": [{"text": text("one tablet, once a day")}],
        }
    for number in range(allergies):
        yield {
            "resourceType": "AllergyIntolerance",
            "id": str(number),
            "clinicalStatus": "active",
            "verificationStatus": "confirmed",
            "criticality": "high" if number % 2 else "low",
            "code": {"text": text(f"Allergy to substance {number}")},
            "patient": whose,
            "reaction": [{"manifestation": [{"text": "Eruption of skin"}], "severity": "moderate"}],
        }
    for kind in range(kinds):
        for number in range(12):
            yield {
                "resourceType": "Observation",
                "id": f"{kind}-{number}",
                "status": "final",
                "code": {"text": text(f"Measurement {kind}")},
                "subject": whose,
                "effectiveDateTime": f"202{number % 5}-0{number % 9 + 1}-13T08:18:00Z",
                "valueQuantity": {"value": 10 + number, "unit": "mmol/L"},
                "interpretation": {"coding": [{"system": "http://hl7.org/fhir/v2/0078", "code": "H"}]},
                "referenceRange": [{"low": {"value": 1, "unit": "mmol/L"}, "high": {"value": 5, "unit": "mmol/L"}}],
            }
