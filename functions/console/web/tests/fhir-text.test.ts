import assert from "node:assert/strict";
import { test } from "node:test";

import { ageText, dateText, epochOf, periodText, today } from "../src/fhir/dates.ts";
import { placeIn } from "../src/fhir/reference-place.ts";
import { bannerName, chosenName, conceptText, nhsNumberText, quantityText, rangeText, valueText } from "../src/fhir/text.ts";

test("a date is as exact as it was recorded, and a time is the United Kingdom's", () => {
  assert.equal(dateText("1999"), "1999");
  assert.equal(dateText("1999-07"), "Jul 1999");
  assert.equal(dateText("1972-11-05"), "5 Nov 1972");
  assert.equal(dateText("2017-06-14T10:05:00+01:00"), "14 Jun 2017, 10:05");
  assert.equal(dateText("2017-06-14T23:30:00Z"), "15 Jun 2017, 00:30");
  assert.equal(dateText("2017-13-45"), "2017-13-45");
  assert.equal(dateText("last summer"), "last summer");
  assert.equal(epochOf("1999-07"), Date.UTC(1999, 6));
  assert.ok(Number.isNaN(epochOf("soon")));
  assert.ok(Number.isNaN(epochOf(undefined)));
});

test("a period names its day once", () => {
  assert.equal(
    periodText({ start: "2017-06-14T10:00:00+01:00", end: "2017-06-14T10:40:00+01:00" }),
    "14 Jun 2017, 10:00 to 10:40",
  );
  assert.equal(periodText({ start: "2017-06-14", end: "2018-06-13" }), "14 Jun 2017 to 13 Jun 2018");
  assert.equal(periodText({ start: "2017-06-14", end: "2017-06-14" }), "14 Jun 2017");
  assert.equal(periodText({ start: "2017" }), "from 2017");
  assert.equal(periodText({ end: "2017-05" }), "until May 2017");
  assert.equal(periodText({}), "");
});

test("an age is in weeks, months or years, and a birthday makes one older", () => {
  assert.equal(ageText("2026-11-20", "2026-11-26"), "0 weeks");
  assert.equal(ageText("2026-11-19", "2026-11-26"), "1 week");
  assert.equal(ageText("2025-11-27", "2026-11-26"), "52 weeks");
  assert.equal(ageText("2025-11-26", "2026-11-26"), "12 months");
  assert.equal(ageText("2024-11-27", "2026-11-26"), "23 months");
  assert.equal(ageText("1972-11-27", "2026-11-26"), "53 years");
  assert.equal(ageText("1972-11-26", "2026-11-26T10:00:00Z"), "54 years");
  assert.equal(ageText("1972-11", "2026-11-26"), "");
  assert.equal(ageText("2027-01-01", "2026-11-26"), "");
  assert.equal(ageText(undefined, "2026-11-26"), "");
  assert.equal(today(Date.UTC(2026, 6, 1, 23, 30)), "2026-07-02");
});

test("a name stands in the banner as the NHS has it", () => {
  const name = { use: "official", family: "O'Hanlon", given: ["Séamus", "Éamon"], prefix: ["Mr"] };
  assert.equal(bannerName(name), "O'HANLON, Séamus Éamon (Mr)");
  assert.equal(valueText(name), "Mr Séamus Éamon O'Hanlon");
  assert.equal(bannerName({ text: "Baby of Smith" }), "Baby of Smith");
  assert.equal(chosenName([{ use: "nickname", text: "Shay" }, name]), name);
  assert.equal(nhsNumberText("9990000433"), "999 000 0433");
  assert.equal(nhsNumberText("99900"), "99900");
});

test("values are said with their units", () => {
  assert.equal(quantityText({ value: 82.25, unit: "kg" }), "82.25 kg");
  assert.equal(quantityText({ value: 5, comparator: "<", code: "mm[Hg]" }), "< 5 mmHg");
  assert.equal(quantityText({ value: 0, unit: "%" }), "0%");
  assert.equal(quantityText({ value: 38.1, unit: "C", code: "Cel" }), "38.1 °C");
  assert.equal(quantityText({ value: 72, unit: "beats/minute", code: "/min" }), "72 beats/minute");
  assert.equal(quantityText({ value: 1.9, unit: "1", code: "1" }), "1.9");
  assert.equal(rangeText({ low: { value: 60, unit: "/min" }, high: { value: 100, unit: "/min" } }), "60 to 100 per minute");
  assert.equal(rangeText({ high: { value: 5, unit: "mg" } }), "up to 5 mg");
  assert.equal(conceptText({ coding: [{ code: "1" }, { code: "2", display: "Two" }] }), "Two");
  assert.equal(conceptText({ text: "As written", coding: [{ display: "Other" }] }), "As written");
});

test("a datatype is known by its members, and what is none is left to be drawn in parts", () => {
  assert.equal(valueText({ coding: [{ display: "Asthma" }] }), "Asthma");
  assert.equal(valueText({ reference: "Patient/4", display: "Séamus" }), "Séamus");
  assert.equal(valueText({ system: "http://loinc.org", code: "29463-7" }), "29463-7");
  assert.equal(valueText({ value: 3, unit: "mg" }), "3 mg");
  assert.equal(valueText({ system: "phone", value: "0115 496 0004", use: "mobile" }), "0115 496 0004 (mobile phone)");
  assert.equal(valueText({ system: "https://fhir.nhs.uk/Id/nhs-number", value: "9990000433" }), "999 000 0433");
  assert.equal(valueText({ line: ["4 Example Row"], city: "Nottingham" }), "4 Example Row, Nottingham");
  assert.equal(valueText(false), "no");
  assert.equal(valueText({ code: { text: "x" }, valueQuantity: { value: 1 } }), null);
  assert.equal(valueText(["a"]), null);
  assert.equal(valueText(null), null);
});

test("a reference leads to a place on this server, and nowhere else", () => {
  const bases = ["https://api.example/live/careconnect-ri/STU3"];
  assert.deepEqual(placeIn("Patient/4", bases), { type: "Patient", id: "4" });
  assert.deepEqual(placeIn(`${bases[0]}/Patient/4/_history/2`, bases), { type: "Patient", id: "4", version: "2" });
  assert.equal(placeIn("https://other.example/Patient/4", bases), null);
  assert.equal(placeIn("#contained", bases), null);
  assert.equal(placeIn("urn:uuid:9f6c0a2e-0000-4000-8000-000000000000", bases), null);
  assert.equal(placeIn(undefined, bases), null);
});
