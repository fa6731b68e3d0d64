import assert from "node:assert/strict";
import { test } from "node:test";

import type { Patient } from "../src/fhir/clinical.ts";
import { noIdText, patientId } from "../src/fhir/reference-place.ts";
import { isoDay } from "../src/fhir/typed-dates.ts";
import { byShownName, otherFamilyNames, understood } from "../src/rooms/record/patient-search.ts";
import { bornText, deathText, nhsNumber, patientName } from "../src/rooms/record/patient-summary.ts";

const TODAY = "2026-11-26";
const BY_NUMBER = "Patient?identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9990000042&_count=12";

function queriesOf(typed: string): readonly string[] {
  return understood(typed, TODAY, 12).queries;
}

test("what is typed is an NHS number, an id or a name", () => {
  assert.deepEqual(queriesOf("999 000 0042"), [BY_NUMBER]);
  // Never as an id too, which would be recorded in plain.
  assert.deepEqual(queriesOf("9990000042"), [BY_NUMBER]);
  assert.deepEqual(queriesOf("Patient/9990000042"), [BY_NUMBER]);
  assert.deepEqual(understood(" 4 ", TODAY, 12), { queries: ["Patient?_id=4"], remark: "Read as the id Patient/4.", choices: [] });
  assert.deepEqual(queriesOf("Patient/abc"), ["Patient?_id=abc"]);
  assert.deepEqual(queriesOf("Patient/9990000043"), ["Patient?_id=9990000043"]);
  assert.deepEqual(queriesOf("12345678-1958-4abc-9def-123456789012"), ["Patient?_id=12345678-1958-4abc-9def-123456789012"]);
  assert.deepEqual(queriesOf("Muñoz"), ["Patient?name=Mu%C3%B1oz&_sort=family&_count=12"]);
  // Made-up records number their names.
  assert.deepEqual(queriesOf("Abbott774"), ["Patient?name=Abbott774&_sort=family&_count=12", "Patient?_id=Abbott774"]);
  assert.deepEqual(queriesOf("  "), []);
  assert.deepEqual(queriesOf(","), []);
});

test("an NHS number with a wrong digit is said to be none, and is never an id", () => {
  for (const typed of ["999 000 0043", "9990000043", "999-000-0043"]) {
    const { queries, remark } = understood(typed, TODAY, 12);
    assert.deepEqual(queries, [BY_NUMBER.replace("42", "43")], typed);
    assert.match(remark, /^999 000 0043 is no NHS number: its last digit does not fit the others\./);
  }
  assert.equal(understood("999 000 0042", TODAY, 12).remark, "");
  for (const [typed, count] of [["999 000 004", 9], ["99900000421", 11]] as const) {
    const { queries, remark } = understood(typed, TODAY, 12);
    assert.deepEqual(queries, []);
    assert.match(remark, new RegExp(`^An NHS number has ten digits, and this has ${count}\\.`));
  }
});

test("a date of birth is one in each form that people type", () => {
  const typed = ["23/08/1971", "23.8.1971", "23-08-1971", "23 Aug 1971", "23rd August 1971", "23 aug. 1971", "1971-08-23", "1971-8-23"];
  assert.deepEqual(new Set(typed.map(isoDay)), new Set(["1971-08-23"]));
  for (const each of typed) assert.deepEqual(queriesOf(` ${each} `), ["Patient?birthdate=1971-08-23&_sort=family&_count=12"], each);
  assert.deepEqual(isoDay("5 Sept 1960"), "1960-09-05");
  assert.deepEqual(isoDay("29/2/2024"), "2024-02-29");
  for (const none of ["31/02/1971", "29/2/2023", "08/23/1971", "1971", "1971-08", "23/08/71", "23 Foo 1971", "23 Augur 1971", "Muñoz 23/08/1971", "", "0/1/1971"]) {
    assert.equal(isoDay(none), null, none);
  }
});

test("a date of birth may be a month, a year, of two digits, and beside a name or a number", () => {
  const cases: readonly (readonly [typed: string, asked: string, remark: string])[] = [
    ["Munoz 23/08/1971", "birthdate=1971-08-23&name=Munoz", "Read as Munoz, born 23 Aug 1971."],
    ["23 Aug 1971, MUÑOZ, Sofía", "birthdate=1971-08-23&name=MU%C3%91OZ%20Sof%C3%ADa", "Read as MUÑOZ Sofía, born 23 Aug 1971."],
    ["11-02-58", "birthdate=1958-02-11", "Read as born 11 Feb 1958."],
    ["1/1/70", "birthdate=1970-01-01", "Read as born 1 Jan 1970."],
    ["1 Jan '20", "birthdate=1920-01-01,2020-01-01", "Born 1 Jan 1920 or 1 Jan 2020? Choose one."],
    ["29/2/00", "birthdate=2000-02-29", "Read as born 29 Feb 2000."],
    ["Feb 1958", "birthdate=1958-02", "Read as born in Feb 1958."],
    ["february 58", "birthdate=1958-02", "Read as born in Feb 1958."],
    ["02/1958", "birthdate=1958-02", "Read as born in Feb 1958."],
    ["1958-02", "birthdate=1958-02", "Read as born in Feb 1958."],
    ["23081971", "birthdate=1971-08-23", "Read as born 23 Aug 1971."],
    ["DOB: 23/08/1971", "birthdate=1971-08-23", "Read as born 23 Aug 1971."],
    ["munoz  born 23AUG1971", "birthdate=1971-08-23&name=munoz", "Read as munoz, born 23 Aug 1971."],
    ["May Smith 1958", "birthdate=1958&name=May%20Smith", "Read as May Smith, born in 1958."],
  ];
  for (const [typed, asked, remark] of cases) {
    const found = understood(typed, TODAY, 12);
    assert.deepEqual([found.queries.slice(0, 1), found.remark], [[`Patient?${asked}&_sort=family&_count=12`], remark], typed);
  }
  // A year by itself can be an id.
  assert.deepEqual(queriesOf("1958"), ["Patient?birthdate=1958&_sort=family&_count=12", "Patient?_id=1958"]);
  assert.deepEqual(queriesOf("19710823"), ["Patient?birthdate=1971-08-23&_sort=family&_count=12", "Patient?_id=19710823"]);
  assert.deepEqual(queriesOf("NHS no. 999 000 0042"), [BY_NUMBER]);
  assert.deepEqual(queriesOf("Munoz 999 000 0042"), [BY_NUMBER.replace("&_count", "&name=Munoz&_count")]);
  const { choices } = understood("Lee 1/1/20", TODAY, 12);
  assert.deepEqual(choices, ["Lee 1 Jan 1920", "Lee 1 Jan 2020"]);
  assert.deepEqual(choices.flatMap(queriesOf), ["1920", "2020"].map((year) => `Patient?birthdate=${year}-01-01&name=Lee&_sort=family&_count=12`));
});

test("what is no date, or not understood, is said to be so and searched by nothing", () => {
  const cases: readonly (readonly [typed: string, remark: RegExp])[] = [
    ["31/02/1958", /^There is no 31 February 1958\.$/],
    ["Munoz 31/02/58", /^There is no 31 February 1958\.$/],
    ["29/2/2023", /^There is no 29 February 2023\.$/],
    ["08/23/1971", /^There is no month 23\. The day comes first, as in 23\/08\/1971\.$/],
    ["13/1958", /^There is no month 13\.$/],
    ["23/08/2071", /^23 Aug 2071 has not come yet\.$/],
    ["Munoz 23/08", /^“23\/08” is not understood\./],
    ["...", /^“\.\.\.” is not understood\./],
    [",", /^“,” is not understood\./],
    ["23/08/197", /^“23\/08\/197” is not understood\./],
  ];
  for (const [typed, remark] of cases) {
    const found = understood(typed, TODAY, 12);
    assert.deepEqual(found.queries, [], typed);
    assert.match(found.remark, remark);
  }
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
  assert.deepEqual(queriesOf("O'HANLON, Séamus (Mr)"), [
    `Patient?name=${encodeURIComponent("O'HANLON Séamus Mr")}&_sort=family&_count=12`,
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
