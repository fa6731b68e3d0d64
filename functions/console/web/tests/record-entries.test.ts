import assert from "node:assert/strict";
import { test } from "node:test";

import type { Resource } from "../src/fhir/datatypes.ts";
import { placeIn } from "../src/fhir/reference-place.ts";
import { type Entry, entryOf, latestFirst, saysNone } from "../src/rooms/record/entries/entries.ts";
import { namesIn } from "../src/rooms/record/names.ts";
import type { PortionState } from "../src/rooms/record/record-loader.ts";
import { standingOf } from "../src/rooms/record/sections.ts";
import { countsOf, ofTypes, yearsOf } from "../src/rooms/record/entries/timeline.ts";

const BESIDE = new Map<string, Resource>([
  ["Medication/m", { resourceType: "Medication", id: "m", code: { coding: [{ display: "Losartan 50mg tablets" }] } }],
  ["Practitioner/p", { resourceType: "Practitioner", id: "p", name: [{ prefix: ["Dr"], given: ["Ada"], family: "Lund" }] }],
  ["Location/l", { resourceType: "Location", id: "l", name: "Outpatients" }],
]);
const named = namesIn(BESIDE, (reference) => placeIn(reference, ["https://api.example/STU3"]));

function entry(resource: Resource): Entry {
  const found = entryOf({ id: "1", ...resource }, named);
  assert.ok(found);
  return found;
}

function told(resource: Resource): readonly unknown[] {
  const { title, when, status, isCurrent, facts } = entry(resource);
  return [title, when, status, isCurrent, ...facts];
}

test("a reference is named by its display, by what it leads to, or as it is written", () => {
  assert.equal(named({ reference: "Practitioner/p" }), "Dr Ada Lund");
  assert.equal(named({ reference: "https://api.example/STU3/Location/l" }), "Outpatients");
  assert.equal(named({ reference: "Practitioner/p", display: "The locum" }), "The locum");
  assert.equal(named({ reference: "Practitioner/closed" }), "Practitioner/closed");
  assert.equal(named({ reference: "https://other.example/Practitioner/p" }), "https://other.example/Practitioner/p");
  assert.equal(named(undefined), "");
});

test("a problem holds while it is active and not refuted, and says since when", () => {
  const asthma = { resourceType: "Condition", code: { text: "Asthma" }, clinicalStatus: "active", verificationStatus: "confirmed" };
  assert.deepEqual(told({ ...asthma, onsetDateTime: "2022-09", severity: { text: "Mild" } }), [
    "Asthma", "since Sept 2022", "active", true, "Mild",
  ]);
  assert.deepEqual(told({ ...asthma, clinicalStatus: "resolved", assertedDate: "2020", abatementDateTime: "2021-02-03" }), [
    "Asthma", "recorded 2020, ended 3 Feb 2021", "resolved", false,
  ]);
  assert.deepEqual(told({ ...asthma, verificationStatus: "entered-in-error" }), [
    "Asthma", "", "active, entered in error", false,
  ]);
  assert.equal(entry({ ...asthma, verificationStatus: "refuted" }).isCurrent, false);
  assert.equal(entry({ resourceType: "Condition" }).title, "Without a name");
});

test("medication says how it is taken, and active is told from stopped", () => {
  assert.deepEqual(
    told({
      resourceType: "MedicationStatement",
      status: "stopped",
      medicationReference: { reference: "Medication/m" },
      effectivePeriod: { start: "2022-07-20", end: "2023-07-16" },
      taken: "n",
      dosage: [{ text: "one tablet, once a day" }],
    }),
    ["Losartan 50mg tablets", "20 Jul 2022 to 16 Jul 2023", "stopped", false, "one tablet, once a day", "not taken by the patient"],
  );
  assert.deepEqual(
    told({
      resourceType: "MedicationRequest",
      status: "active",
      intent: "plan",
      medicationCodeableConcept: { text: "Salbutamol" },
      authoredOn: "2024-06-13",
      dosageInstruction: [{ doseQuantity: { value: 2, unit: "puffs" }, route: { text: "inhaled" }, asNeededBoolean: true }],
      dispenseRequest: { numberOfRepeatsAllowed: 1, validityPeriod: { start: "2024-06-13" } },
    }),
    ["Salbutamol", "written 13 Jun 2024", "active, plan", true, "2 puffs, inhaled, as needed", "valid from 13 Jun 2024", "1 repeat allowed"],
  );
});

test("that no allergy is known is something that was said", () => {
  const allergy = (code: object) => entry({ resourceType: "AllergyIntolerance", clinicalStatus: "active", verificationStatus: "confirmed", code });
  assert.ok(saysNone(allergy({ coding: [{ system: "http://snomed.info/sct", code: "716186003", display: "No known allergy" }] })));
  assert.ok(saysNone(allergy({ coding: [{ code: "160244002" }] })));
  assert.ok(saysNone(allergy({ text: "No known drug allergies" })));
  assert.ok(!saysNone(allergy({ text: "Penicillin" })));
  assert.deepEqual(
    told({
      resourceType: "AllergyIntolerance",
      clinicalStatus: "active",
      verificationStatus: "unconfirmed",
      criticality: "unable-to-assess",
      code: { text: "Nuts" },
      assertedDate: "2023",
      reaction: [{ manifestation: [{ text: "Wheal" }], severity: "moderate" }],
    }),
    ["Nuts", "recorded 2023", "active, unconfirmed", true, "criticality not known", "reaction: Wheal, moderate"],
  );
});

test("what was not done, not given or only recorded is said so", () => {
  assert.deepEqual(told({ resourceType: "Procedure", status: "completed", notDone: true, code: { text: "X-ray" }, performedDateTime: "2020-01-02" }), [
    "X-ray", "2 Jan 2020", "completed, not done", false,
  ]);
  const url = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DateRecorded-1";
  const flu = { resourceType: "Immunization", status: "completed", vaccineCode: { text: "Flu" } };
  assert.deepEqual(told({ ...flu, notGiven: true, date: "2019-10-01" }), ["Flu", "1 Oct 2019", "not given", false]);
  assert.deepEqual(told({ ...flu, extension: [{ url, valueDateTime: "1985-04-07" }], location: { reference: "Location/l" } }), [
    "Flu", "recorded 7 Apr 1985, day not given", "completed", true, "Outpatients",
  ]);
});

test("an encounter is called by its type, else by its class", () => {
  const visit = { resourceType: "Encounter", status: "in-progress", period: { start: "2024-06-13T09:44:00+01:00" } };
  const place = { participant: [{ individual: { reference: "Practitioner/p" } }], serviceProvider: { display: "The Infirmary" } };
  assert.deepEqual(told({ ...visit, ...place, type: [{ text: "Check up" }], class: { code: "AMB", display: "ambulatory" } }), [
    "Check up", "from 13 Jun 2024, 09:44", "in progress", true, "ambulatory", "The Infirmary", "Dr Ada Lund",
  ]);
  assert.equal(entry({ ...visit, class: { code: "EMER" } }).title, "EMER");
  assert.equal(entry(visit).title, "Encounter");
  assert.equal(entryOf({ resourceType: "Organization", id: "o" }, named), null);
});

test("the time line is by years, the latest first, what has no date at the end", () => {
  const at = (id: string, assertedDate?: string) =>
    entry({ resourceType: "Condition", id, code: { text: id }, ...(assertedDate === undefined ? {} : { assertedDate }) });
  const visit = entry({ resourceType: "Encounter", id: "e", period: { start: "2021-12-31T23:30:00Z" } });
  const all = [at("undated"), at("old", "2019-02"), at("new", "2021-05-01"), visit, at("older", "2019")];
  assert.deepEqual(latestFirst(all).map((each) => each.id), ["e", "new", "old", "older", "undated"]);
  const years = yearsOf(ofTypes(all, new Set(["Condition", "Encounter"] as const)));
  assert.deepEqual(
    years.map((each) => [each.label, each.entries.length]),
    [["2021", 2], ["2019", 2], ["Without a date", 1]],
  );
  assert.deepEqual(ofTypes(all, new Set(["Encounter"] as const)), [visit]);
  assert.deepEqual([...countsOf(all)], [["Condition", 4], ["Encounter", 1]]);
});

test("a section is closed, loading, failed or complete, and never one for the other", () => {
  const state = (types: readonly string[], one: PortionState["state"]): PortionState => ({
    portion: { query: types.join(), types }, state: one, next: "", problem: null,
  });
  const plan = { closed: new Map([["MedicationRequest", "user/MedicationRequest.read"]]), limited: new Map([["Condition", "search only where code is x"]]) };
  const types = ["MedicationStatement", "MedicationRequest"];
  const done = standingOf(types, plan, [state(["Patient", "MedicationStatement"], "complete"), state(["Condition"], "failed")]);
  assert.deepEqual(done, {
    closed: [["MedicationRequest", "user/MedicationRequest.read"]], limited: [], isComplete: true, isLoading: false, failed: [],
  });
  assert.deepEqual(standingOf(["Condition"], plan, []).limited, [["Condition", "search only where code is x"]]);
  const alone = state(["MedicationStatement"], "failed");
  assert.deepEqual(standingOf(types, plan, [alone]).failed, [alone]);
  // What fails for many types is said once, above them all.
  const together = standingOf(types, plan, [state(["Patient", "MedicationStatement"], "failed")]);
  assert.deepEqual([together.failed, together.isComplete], [[], false]);
  assert.equal(standingOf(types, plan, [state(types, "loading")]).isLoading, true);
  assert.equal(standingOf(types, plan, [state(types, "more")]).isComplete, false);
});
