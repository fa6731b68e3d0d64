import assert from "node:assert/strict";
import { test } from "node:test";

import { hintsOf } from "../src/fhir/bundle.ts";
import { placeIn } from "../src/fhir/reference-place.ts";
import { columnsOf } from "../src/rooms/explore/columns.ts";
import { includedWith } from "../src/rooms/explore/included.ts";
import { isIncluded, wordsFor } from "../src/rooms/explore/openness.ts";
import { countOf, includedOf, matchesOf, titlesOf } from "../src/rooms/explore/search-page.ts";
import { codesFor, systemsFor } from "../src/rooms/explore/suggestions.ts";
import { lettersOf, scopeFor } from "../src/oauth/grants.ts";

function row(resource: { readonly resourceType: string; readonly [member: string]: unknown }) {
  return Object.fromEntries(columnsOf(resource.resourceType).map(({ label, cellOf }) => [label, cellOf(resource).text]));
}

test("a patient's row says who it is", () => {
  assert.deepEqual(
    row({
      resourceType: "Patient",
      name: [{ use: "usual", family: "B" }, { use: "official", family: "Muñoz", given: ["Sofía"], prefix: ["Ms"] }],
      birthDate: "1971-08-23",
      identifier: [{ system: "https://fhir.nhs.uk/Id/nhs-number", value: "9990000042" }],
      address: [{ line: ["1 Row"], postalCode: "XB1 6YY" }],
    }),
    { Name: "MUÑOZ, Sofía (Ms)", Born: "23 Aug 1971", Sex: "", "NHS number": "999 000 0042", Postcode: "XB1 6YY" },
  );
});

test("an observation's row has its value, those of its components, or why there is none", () => {
  const value = (members: object) => row({ resourceType: "Observation", ...members })["Value"];
  assert.equal(value({ valueQuantity: { value: 5, unit: "kg" } }), "5 kg");
  assert.equal(value({ component: [{ valueQuantity: { value: 148, unit: "mmHg" } }, { valueQuantity: { value: 86, unit: "mmHg" } }] }), "148 mmHg / 86 mmHg");
  assert.equal(value({ dataAbsentReason: { text: "not done" } }), "not done");
  assert.equal(value({}), "");
});

test("a reference in a row stays one", () => {
  const column = columnsOf("Encounter").find(({ label }) => label === "Patient");
  assert.deepEqual(column?.cellOf({ resourceType: "Encounter", subject: { reference: "Patient/4", display: "Sofía" } }), {
    text: "Sofía",
    reference: "Patient/4",
  });
});

test("whether a vaccine was given is said the way round that it is asked", () => {
  assert.equal(row({ resourceType: "Immunization", notGiven: true })["Given"], "no");
  assert.equal(row({ resourceType: "Immunization", notGiven: false })["Given"], "yes");
  assert.equal(row({ resourceType: "Immunization" })["Given"], "");
});

test("an event says whose record it was about, wherever the patient stands", () => {
  const seen = [{ reference: { reference: "Observation/9" } }, { reference: { reference: "Patient/4" } }];
  const event = { resourceType: "AuditEvent", recorded: "2026-11-26T07:00:00Z", agent: [{ userId: { value: "explorer" } }], entity: seen };
  const cells = columnsOf("AuditEvent").map(({ label, cellOf }) => [label, cellOf(event)] as const);

  assert.deepEqual(Object.fromEntries(cells)["Of whom"], { text: "Patient/4", reference: "Patient/4" });
  assert.equal(row(event)["Who"], "explorer");
  const operation = row({ ...event, entity: [seen[1]], subtype: [{ code: "operation" }], outcome: "4", outcomeDesc: "scope" });
  assert.deepEqual([operation["What"], operation["Outcome"]], ["was refused: the whole record (no scope for it)", "refused (no scope for it)"]);
  assert.equal(row({ resourceType: "AuditEvent" })["Of whom"], "");
});

const OF_ITS_OWN = [
  ...["Patient", "Condition", "Observation", "Encounter", "Procedure", "AllergyIntolerance", "Immunization", "Medication"],
  ...["MedicationRequest", "MedicationStatement", "EpisodeOfCare", "Organization", "Location", "Practitioner"],
  ...["PractitionerRole", "HealthcareService", "AuditEvent"],
];

test("these types have columns of their own, and any other is shown by its title", () => {
  for (const name of OF_ITS_OWN) assert.notDeepEqual(columnsOf(name).map(({ label }) => label), ["What", "Last changed"], name);
  assert.deepEqual(row({ resourceType: "Basic", code: { text: "x" }, meta: { lastUpdated: "2026-11-26" } }), {
    What: "x",
    "Last changed": "26 Nov 2026",
  });
});

test("beside a match stands what it points at and what points at it, and nothing else of the page", () => {
  const match = { resourceType: "Encounter", id: "1", subject: { reference: "https://x/Patient/4" }, participant: [{ individual: { reference: "Practitioner/a" } }] };
  const patient = { resourceType: "Patient", id: "4" };
  const other = { resourceType: "Patient", id: "5" };
  const pointing = { resourceType: "Condition", id: "7", context: { reference: "Encounter/1" }, subject: { reference: "Patient/5" } };
  const located = (reference: string) => placeIn(reference, ["https://x"]);

  assert.deepEqual(includedWith(match, [patient, other, pointing], located), [patient, pointing]);
});

test("what is closed is told with the scope that opens it, for whom the token's others are", () => {
  assert.equal(wordsFor(lettersOf("user/Patient.rs", "Patient")), "read, search");
  assert.equal(lettersOf("user/Patient.rs", "Condition").size, 0);
  assert.equal(scopeFor("openid user/Patient.rs", "Condition", "rs"), "user/Condition.rs");
  assert.equal(scopeFor("", "Condition", "s"), "user/Condition.s");
  assert.equal(isIncluded(new Set(["r"]), false), true);
  assert.equal(isIncluded(new Set(["r"]), true), false);
  assert.equal(isIncluded(new Set(["r", "s"]), true), true);
});

test("codes are suggested by the type that they are of", () => {
  assert.ok(codesFor("Observation", "status").includes("final"));
  assert.deepEqual(codesFor("Patient", "status"), []);
  assert.ok(codesFor("AllergyIntolerance", "verification-status").includes("unconfirmed"));
  assert.ok(codesFor("Condition", "verification-status").includes("provisional"));
  assert.deepEqual(codesFor("Condition", "code"), []);
  assert.ok(systemsFor("code").includes("http://snomed.info/sct"));
  assert.deepEqual(systemsFor("gender"), []);
});

test("a page says how much it holds, and why it may hold nothing", () => {
  const page = (matches: number, more: object) => ({
    resourceType: "Bundle" as const,
    type: "searchset",
    entry: Array.from({ length: matches }, (_, id) => ({ resource: { resourceType: "Patient", id: String(id) } })),
    ...more,
  });
  const next = { link: [{ relation: "next", url: "https://x" }] };
  assert.equal(countOf(page(20, { total: 8300, ...next }), "Patient", 2), "Page 2: 20 matches of 8,300.");
  assert.equal(countOf(page(1, { total: 1 }), "Patient", 1), "Page 1: 1 match of 1.");
  assert.match(countOf(page(20, next), "Patient", 1), /the server does not say how many/);
  assert.match(countOf(page(0, { total: 0 }), "Patient", 1), /^Nothing matches: no Patient /);
  assert.match(countOf(page(0, { total: 40 }), "Patient", 1), /^40 match\. /);
  assert.match(countOf(page(0, next), "Patient", 1), /^No match on this page/);
  assert.equal(countOf(page(0, {}), "Patient", 3), "No more matches.");
});

test("of a page's entries matches, included ones and the server's hints are told apart", () => {
  const [patient, practitioner] = [{ resourceType: "Patient", id: "4" }, { resourceType: "Practitioner", id: "a", name: [{ family: "Ash" }] }];
  const outcome = { resourceType: "OperationOutcome", issue: [{ diagnostics: "nmae: ignored" }, { details: { text: "b" } }, {}] };
  const page = {
    resourceType: "Bundle" as const,
    type: "searchset",
    entry: [
      { resource: outcome, search: { mode: "outcome" as const } },
      { resource: patient },
      { resource: practitioner, search: { mode: "include" as const } },
    ],
  };
  assert.deepEqual([matchesOf(page), includedOf(page), hintsOf(page)], [[patient], [practitioner], ["nmae: ignored", "b"]]);
  assert.deepEqual([...titlesOf(page)], [["Practitioner/a", "Ash"]]);
});
