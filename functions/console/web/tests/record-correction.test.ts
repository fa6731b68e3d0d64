import assert from "node:assert/strict";
import { test } from "node:test";

import type { Resource } from "../src/fhir/datatypes.ts";
import { edited, LAST } from "../src/fhir/json-edits.ts";
import { beginOf, correctablesOf, correctedText, fieldsOf } from "../src/rooms/record/correction/correctable.ts";
import { inErrorText, isInError, notInErrorText } from "../src/rooms/record/correction/in-error.ts";
import { STATUS_REASON } from "../src/rooms/record/correction/reasons.ts";
import { RECORD_TYPES, type RecordType } from "../src/rooms/record/record-plan.ts";
import type { Values } from "../src/rooms/write/forms/form.ts";

const NOW = "2026-12-01T02:30:00Z";
const named = () => "Losartan 50mg tablets";

type Members = Readonly<Record<string, unknown>>;

function corrected(resource: Resource, typed: Values): Members | null {
  const correctables = correctablesOf(resource, named);
  const values = { ...beginOf(correctables), reason: "Typed wrongly", ...typed };
  const text = correctedText(resource.resourceType as RecordType, JSON.stringify(resource), correctables, values, NOW);
  return text === null ? null : (JSON.parse(text) as Members);
}

function labels(resource: Resource, typed: Values = {}): readonly string[] {
  const correctables = correctablesOf(resource, named);
  return fieldsOf(correctables, { ...beginOf(correctables), ...typed }).map((each) => each.label);
}

function inError(resource: Resource): Members {
  return JSON.parse(inErrorText(resource.resourceType as RecordType, JSON.stringify(resource), "Another patient's", NOW)) as Members;
}

const ALLERGY = { resourceType: "AllergyIntolerance", clinicalStatus: "active", verificationStatus: "confirmed", code: { text: "Nuts" } };
const PRESSURE = {
  resourceType: "Observation",
  status: "final",
  code: { coding: [{ system: "http://loinc.org", code: "85354-9" }] },
  effectiveDateTime: "2026-07-01T09:30:00+01:00",
  component: [["8480-6", 82], ["8462-4", 180]].map(([code, value]) => ({
    code: { coding: [{ system: "http://loinc.org", code }] },
    valueQuantity: { value, unit: "mmHg", code: "mm[Hg]" },
    interpretation: { coding: [{ code: "H" }] },
  })),
};

test("what is edited changes alone: other numbers keep their digits, and nothing is left empty", () => {
  const text = '{"a":7.50,"b":{"c":1,"d":{"e":2}},"list":[{"x":1}]}';
  assert.match(edited(text, [{ path: ["b", "c"], value: 3 }]), /"a":7\.50/);
  assert.deepEqual(JSON.parse(edited(text, [{ path: ["b", "d", "e"], value: undefined }])), { a: 7.5, b: { c: 1 }, list: [{ x: 1 }] });
  assert.deepEqual(JSON.parse(edited(text, [{ path: ["list", 0, "x"], value: undefined }])), { a: 7.5, b: { c: 1, d: { e: 2 } } });
  assert.equal(edited(text, [{ path: ["none", "at all"], value: undefined }]), text);
  assert.deepEqual(JSON.parse(edited('{"n":[1]}', [{ path: ["n", LAST], value: 2 }, { path: ["m", LAST], value: 3 }])), { n: [1, 2], m: [3] });
});

test("entered in error is said by the type's own element, and what an invariant forbids goes with it", () => {
  const { clinicalStatus, verificationStatus, note } = inError(ALLERGY);
  assert.deepEqual([clinicalStatus, verificationStatus], [undefined, "entered-in-error"]);
  assert.deepEqual(note, [{ time: NOW, text: "Entered in error: Another patient's" }]);
  const problem = { resourceType: "Condition", clinicalStatus: "resolved", verificationStatus: "confirmed", abatementDateTime: "2021" };
  assert.deepEqual([inError(problem)["clinicalStatus"], inError(problem)["verificationStatus"]], ["resolved", "entered-in-error"]);
  for (const type of RECORD_TYPES) {
    const made = inError({ resourceType: type, status: "completed" });
    assert.ok(isInError(made as unknown as Resource), type);
    assert.match(JSON.stringify(made), /Another patient's/, type);
  }
});

test("what was no error after all has the statuses of before, and both reasons", () => {
  const back = JSON.parse(notInErrorText("AllergyIntolerance", JSON.stringify(inError(ALLERGY)), ALLERGY, "It was his", NOW)) as Members;
  assert.deepEqual([back["clinicalStatus"], back["verificationStatus"]], ["active", "confirmed"]);
  assert.equal((back["note"] as unknown[]).length, 2);
});

test("a reason stands behind what was said before; the extension of a type without notes is there once", () => {
  const commented = inError({ ...PRESSURE, comment: "Sitting" });
  assert.equal(commented["comment"], "Sitting\n1 Dec 2026, 02:30: Entered in error: Another patient's");
  const visit = { resourceType: "Encounter", status: "finished", extension: [{ url: "urn:x", valueCode: "y" }] };
  const once = inError(visit);
  assert.deepEqual((inError(once as unknown as Resource)["extension"] as { url: string }[]).map(({ url }) => url), ["urn:x", STATUS_REASON]);
});

test("a corrected reading has the new numbers, the status corrected, and no interpretation of the former ones", () => {
  const made = corrected(PRESSURE, { "component-0-valueQuantity-value": "180", "component-1-valueQuantity-value": "82.0" });
  assert.ok(made);
  const components = made["component"] as { valueQuantity: { value: number; code: string }; interpretation?: unknown }[];
  assert.deepEqual(components.map((each) => [each.valueQuantity.value, each.valueQuantity.code, each.interpretation]), [
    [180, "mm[Hg]", undefined], [82, "mm[Hg]", undefined],
  ]);
  assert.deepEqual([made["status"], made["effectiveDateTime"]], ["corrected", PRESSURE.effectiveDateTime]);
  assert.equal(corrected({ ...PRESSURE, status: "preliminary" }, { "component-0-valueQuantity-value": "180" })?.["status"], "preliminary");
});

test("a correction in which nothing differs is none", () => {
  assert.equal(corrected(PRESSURE, {}), null);
  assert.equal(corrected(ALLERGY, { code: " Nuts " }), null);
});

test("dates are corrected as exactly as they were recorded, with the time of the United Kingdom", () => {
  assert.equal(corrected(PRESSURE, { "effectiveDateTime-time": "10:15" })?.["effectiveDateTime"], "2026-07-01T10:15:00+01:00");
  assert.equal(corrected(PRESSURE, { effectiveDateTime: "2026-11-02", "effectiveDateTime-time": "" })?.["effectiveDateTime"], "2026-11-02");
  const problem = { resourceType: "Condition", clinicalStatus: "active", onsetDateTime: "2022-03" };
  assert.equal(corrected(problem, { onsetDateTime: "2021" })?.["onsetDateTime"], "2021");
  assert.equal(corrected(problem, { onsetDateTime: "" })?.["onsetDateTime"], undefined);
});

test("another name takes the code with it, and a dose what said the same in parts", () => {
  const coded = { ...ALLERGY, code: { coding: [{ system: "http://snomed.info/sct", code: "91935009", display: "Allergy to peanut" }] } };
  assert.deepEqual(corrected(coded, { code: "Hazelnut" })?.["code"], { text: "Hazelnut" });
  assert.ok(labels(coded, { code: "Hazelnut" }).includes("Allergic to: SNOMED CT code"));
  const medicine = {
    resourceType: "MedicationRequest", status: "active", medicationReference: { reference: "Medication/losartan" },
    dosageInstruction: [{ text: "one tablet", timing: { repeat: { frequency: 1 } } }],
  };
  const made = corrected(medicine, { medicationCodeableConcept: "Ramipril", "dosageInstruction-0": "two tablets" });
  assert.deepEqual([made?.["medicationReference"], made?.["medicationCodeableConcept"], made?.["dosageInstruction"]], [
    undefined, { text: "Ramipril" }, [{ text: "two tablets" }],
  ]);
  assert.deepEqual(labels({ ...medicine, medicationReference: { reference: "#m" } }).includes("Medicine"), false);
});

test("a problem has an end once it is over, and none any more if it is active after all", () => {
  const problem = { resourceType: "Condition", clinicalStatus: "resolved", verificationStatus: "confirmed", abatementDateTime: "2021-02-03" };
  assert.ok(labels(problem).includes("Until"));
  assert.equal(labels(problem, { clinicalStatus: "active" }).includes("Until"), false);
  const made = corrected(problem, { clinicalStatus: "active" });
  assert.deepEqual([made?.["clinicalStatus"], made?.["abatementDateTime"]], ["active", undefined]);
});

test("a narrative that was made from the elements goes, one with more stays", () => {
  const narrated = (status: string) => inError({ ...ALLERGY, text: { status, div: "<div>Nuts</div>" } })["text"];
  assert.deepEqual([narrated("generated"), narrated("extensions")], [undefined, undefined]);
  assert.ok(narrated("additional"));
});
