import assert from "node:assert/strict";
import { test } from "node:test";

import type { Patient } from "../src/fhir/clinical.ts";
import { noIdText, patientId } from "../src/fhir/reference-place.ts";
import { isoDay } from "../src/fhir/typed-dates.ts";
import { byShownName, otherFamilyNames, patientQueries } from "../src/rooms/record/patient-search.ts";
import { bornText, deathText, nhsNumber, patientName } from "../src/rooms/record/patient-summary.ts";

const BY_NUMBER = "Patient?identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9990000042&_count=12";

test("what is typed is an NHS number, an id or a name", () => {
  assert.deepEqual(patientQueries("999 000 0042", 12), [BY_NUMBER]);
  // Never as an id too, which would be recorded in plain.
  assert.deepEqual(patientQueries("9990000042", 12), [BY_NUMBER]);
  assert.deepEqual(patientQueries("Patient/9990000042", 12), [BY_NUMBER]);
  assert.deepEqual(patientQueries("9990000043", 12), [BY_NUMBER.replace("42", "43"), "Patient?_id=9990000043"]);
  assert.deepEqual(patientQueries(" 4 ", 12), ["Patient?_id=4"]);
  assert.deepEqual(patientQueries("Patient/abc", 12), ["Patient?_id=abc"]);
  assert.deepEqual(patientQueries("Muñoz", 12), ["Patient?name=Mu%C3%B1oz&_sort=family&_count=12"]);
  assert.deepEqual(patientQueries("  ", 12), []);
  assert.deepEqual(patientQueries(",", 12), []);
});

test("a date of birth is one in each form that people type", () => {
  const typed = ["23/08/1971", "23.8.1971", "23-08-1971", "23 Aug 1971", "23rd August 1971", "23 aug. 1971", "1971-08-23", "1971-8-23"];
  assert.deepEqual(new Set(typed.map(isoDay)), new Set(["1971-08-23"]));
  assert.deepEqual(isoDay("5 Sept 1960"), "1960-09-05");
  assert.deepEqual(isoDay("29/2/2024"), "2024-02-29");
  for (const none of ["31/02/1971", "29/2/2023", "08/23/1971", "1971", "1971-08", "23 Foo 1971", "23 Augur 1971", "", "0/1/1971"]) {
    assert.equal(isoDay(none), null, none);
  }
  assert.deepEqual(patientQueries(" 23/08/1971 ", 12), ["Patient?birthdate=1971-08-23&_sort=family&_count=12"]);
  assert.deepEqual(patientQueries("1971-08-23", 12), ["Patient?birthdate=1971-08-23&_sort=family&_count=12"]);
});

test("patients stand in the order of the names shown, and a maiden name beside", () => {
  const named = (id: string, family: string, maiden?: string): Patient => ({
    resourceType: "Patient",
    id,
    name: [{ use: "official", family }, { use: "usual", family }, ...(maiden ? [{ use: "maiden", family: maiden }] : [])],
  });
  const found = [named("1", "Antić"), named("2", "O'Driscoll", "Ashworth"), named("3", "Bellwether"), named("4", "Ábel")];
  assert.deepEqual(byShownName(found).map(({ id }) => id), ["4", "1", "3", "2"]);
  assert.deepEqual(found.map(otherFamilyNames), [[], ["Ashworth (maiden)"], [], []]);
  assert.deepEqual(otherFamilyNames({ resourceType: "Patient" }), []);
});

test("a name as the banner has it means its words, and no alternatives", () => {
  assert.deepEqual(patientQueries("O'HANLON, Séamus (Mr)", 5), [
    `Patient?name=${encodeURIComponent("O'HANLON Séamus Mr")}&_sort=family&_count=5`,
  ]);
});

test("an id is one that FHIR allows, and no NHS number", () => {
  assert.equal(patientId(" Patient/a-1.b "), "a-1.b");
  assert.equal(patientId("9990000043"), "9990000043");
  for (const number of ["9990000042", "Patient/9990000042", "999-000-0042"]) {
    assert.equal(patientId(number), null);
    assert.equal(noIdText(number), "An NHS number is no id.");
  }
  assert.equal(noIdText("999 000 0042"), "An NHS number is no id.");
  assert.equal(noIdText("a b"), "This is no id.");
  assert.equal(patientId("../4"), null);
  assert.equal(patientId("a b"), null);
});

function withNumber(code: string, display: string): Patient {
  const url = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1";
  const extension = [{ url, valueCodeableConcept: { coding: [{ code, display }] } }];
  return { resourceType: "Patient", identifier: [{ system: "https://fhir.nhs.uk/Id/nhs-number", value: "9990000042", extension }] };
}

test("an NHS number is said with what is known of it", () => {
  assert.deepEqual(nhsNumber(withNumber("01", "Number present and verified")), {
    text: "999 000 0042", status: "verified", isVerified: true,
  });
  assert.deepEqual(nhsNumber(withNumber("03", "Trace required")), {
    text: "999 000 0042", status: "trace required", isVerified: false,
  });
  const bare = { resourceType: "Patient", identifier: [{ system: "https://fhir.nhs.uk/Id/nhs-number", value: "1" }] };
  assert.equal(nhsNumber(bare)?.status, "verification not recorded");
  assert.equal(nhsNumber({ resourceType: "Patient" }), null);
});

test("age stops with death, which is said plainly", () => {
  const born: Patient = { resourceType: "Patient", birthDate: "1990-10-12", name: [{ family: "Carrick", given: ["Imogen"] }] };
  assert.equal(bornText(born, "2026-11-26"), "12 Oct 1990 (36 years)");
  assert.equal(deathText(born), "");
  const dead = { ...born, deceasedDateTime: "2024-06-28" };
  assert.equal(bornText(dead, "2026-11-26"), "12 Oct 1990");
  assert.equal(deathText(dead), "Died 28 Jun 2024 (aged 33 years)");
  assert.equal(deathText({ ...born, deceasedBoolean: true }), "Died, on a day that is not recorded");
  assert.equal(deathText({ ...born, deceasedBoolean: false }), "");
  assert.equal(bornText({ resourceType: "Patient" }, "2026-11-26"), "not recorded");
  assert.equal(patientName(born), "CARRICK, Imogen");
  assert.equal(patientName({ resourceType: "Patient" }), "No name recorded");
});
