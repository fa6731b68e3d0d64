import assert from "node:assert/strict";
import { test } from "node:test";

import type { Resource } from "../src/fhir/datatypes.ts";
import { edited, LAST } from "../src/fhir/json-edits.ts";
import { correctablesOf, correctedText } from "../src/rooms/record/correction/correctable.ts";
import { beginOf, fieldsOf } from "../src/rooms/write/forms/elements.ts";
import { inErrorText, isInError, notInErrorText } from "../src/rooms/record/correction/in-error.ts";
import { STATUS_REASON } from "../src/rooms/record/correction/reasons.ts";
import { type CorrectedType, RECORD_TYPES } from "../src/rooms/record/record-plan.ts";
import { faultsIn } from "../src/rooms/write/forms/checks.ts";
import type { Values } from "../src/rooms/write/forms/form.ts";

const NOW = "2026-12-01T02:30:00Z";
const named = () => "Losartan 50mg tablets";

type Members = Readonly<Record<string, unknown>>;

function corrected(resource: Resource, typed: Values): Members | null {
  const correctables = correctablesOf(resource, named);
  const values = { ...beginOf(correctables), reason: "Typed wrongly", ...typed };
  const text = correctedText(resource.resourceType as CorrectedType, JSON.stringify(resource), correctables, values, NOW);
  return text === null ? null : (JSON.parse(text) as Members);
}

function labels(resource: Resource, typed: Values = {}): readonly string[] {
  const correctables = correctablesOf(resource, named);
  return fieldsOf(correctables, { ...beginOf(correctables), ...typed }).map((each) => each.label);
}

function inError(resource: Resource): Members {
  return JSON.parse(inErrorText(resource.resourceType as CorrectedType, JSON.stringify(resource), "Another patient's", NOW)) as Members;
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
  for (const list of ["[1]", "[1,2]", "[ 1, 2, 3 ]"]) {
    for (let at = 0; at < (JSON.parse(list) as unknown[]).length; at++) {
      const left = (JSON.parse(list) as unknown[]).filter((_, place) => place !== at);
      assert.deepEqual(JSON.parse(edited(`{"n":${list},"o":[{}]}`, [{ path: ["n", at], value: undefined }])), { ...(left.length && { n: left }), o: [{}] });
    }
  }
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

const PERSON: Resource = {
  resourceType: "Patient",
  active: true,
  identifier: [
    {
      extension: [{ url: "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1", valueCodeableConcept: { coding: [{ code: "01" }] } }],
      system: "https://fhir.nhs.uk/Id/nhs-number", value: "9990000018",
    },
    { system: "urn:local", value: "7" },
  ],
  name: [
    { use: "official", family: "Hollis", given: ["Bartosz"], prefix: ["Mr"] }, { use: "usual", family: "Hollis", given: ["Bartosz"], prefix: ["Mr"] },
    { use: "maiden", family: "Smith" },
  ],
  telecom: [{ system: "phone", value: "0113 496 0301", use: "home" }, { system: "phone", value: "07700 900001", use: "mobile" }],
  _birthDate: { extension: [{ url: "http://hl7.org/fhir/StructureDefinition/data-absent-reason", valueCode: "unknown" }] },
  address: [{ use: "home", line: ["Flat 2", "21 Canal Terrace"], city: "Leeds", postalCode: "LS1 1AA" }],
};

test("a patient's name is corrected wherever it is said, and a maiden name by itself", () => {
  const made = corrected(PERSON, { "name-0-family": "Holles", "name-0-given": "Bartosz Jan" });
  assert.deepEqual(made?.["name"], [
    { use: "official", family: "Holles", given: ["Bartosz", "Jan"], prefix: ["Mr"] }, { use: "usual", family: "Holles", given: ["Bartosz", "Jan"], prefix: ["Mr"] },
    { use: "maiden", family: "Smith" },
  ]);
  assert.ok(labels(PERSON).includes("Family name (maiden)"));
  assert.equal(STATUS_REASON, (made["extension"] as { url: string }[])[0]?.url);
});

test("another NHS number is not traced yet, and one that is none is not taken", () => {
  const [number, local] = corrected(PERSON, { "nhs-number": "943 476 5919" })?.["identifier"] as { value: string; extension?: { valueCodeableConcept: { coding: { code: string }[] } }[] }[];
  assert.deepEqual([number?.value, number?.extension?.map((each) => each.valueCodeableConcept.coding[0]?.code), local?.value], ["9434765919", ["02"], "7"]);
  const fields = fieldsOf(correctablesOf(PERSON, named), {});
  const fault = (typed: string) => faultsIn(fields.filter(({ name }) => name === "nhs-number"), { "nhs-number": typed }, "2026-12-01").get("nhs-number");
  assert.match(fault("9434765918") ?? "", /last digit/);
  assert.match(fault("943476591") ?? "", /ten digits, and this has 9/);
  assert.equal(fault("943-476-5919"), undefined);
});

test("what is emptied goes, what stands behind it stays, and a birth date says no more that it is not known", () => {
  const made = corrected(PERSON, {
    "telecom-0-value": "", "new-email": "b@example.org", birthDate: "1968-07-15",
    "address-0-line": "", "address-0-city": "", "address-0-postalCode": "",
  });
  assert.deepEqual(made?.["telecom"], [{ system: "phone", value: "07700 900001", use: "mobile" }, { system: "email", value: "b@example.org" }]);
  assert.deepEqual([made["birthDate"], made["_birthDate"], made["address"]], ["1968-07-15", undefined, undefined]);
});

test("a death is a day or a fact, and can be taken back", () => {
  assert.equal(corrected(PERSON, { deceased: "yes" })?.["deceasedBoolean"], true);
  const dead = { ...PERSON, deceasedBoolean: true };
  const made = corrected(dead, { deceasedDateTime: "2020-05-06" });
  assert.deepEqual([made?.["deceasedBoolean"], made?.["deceasedDateTime"]], [undefined, "2020-05-06"]);
  assert.equal(corrected({ ...PERSON, deceasedDateTime: "2020" }, { deceased: "" })?.["deceasedDateTime"], undefined);
});

test("a patient's record that should not be there is not in use, and is again when it is brought back", () => {
  assert.equal(inError(PERSON)["active"], false);
  const back = JSON.parse(notInErrorText("Patient", JSON.stringify(inError(PERSON)), PERSON, "It was right", NOW)) as Members;
  assert.equal(back["active"], true);
});

test("a vaccine's other name goes without the former procedure, and who was not given it has a reason", () => {
  const given: Resource = {
    resourceType: "Immunization", status: "completed", notGiven: false, vaccineCode: { coding: [{ code: "1", display: "Flu" }] },
    extension: [{ url: "urn:x", valueCode: "y" }, { url: "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-VaccinationProcedure-1" }],
    reaction: [{ reported: true }], explanation: { reason: [{ text: "Age" }] },
  };
  const made = corrected(given, { vaccineCode: "Shingles vaccine", "vaccineCode-code": "46233009" });
  assert.deepEqual([made?.["vaccineCode"], made?.["extension"]], [
    { coding: [{ system: "http://snomed.info/sct", code: "46233009", display: "Shingles vaccine" }], text: "Shingles vaccine" }, [{ url: "urn:x", valueCode: "y" }],
  ]);
  const refused = corrected(given, { notGiven: "true" });
  assert.deepEqual([refused?.["notGiven"], refused?.["reaction"], refused?.["explanation"]], [true, undefined, undefined]);
});

test("a contained medicine is renamed where it is, and each of several doses by itself", () => {
  const medicine: Resource = {
    resourceType: "MedicationStatement", status: "active", taken: "y", medicationReference: { reference: "#m", display: "Aspirin" },
    contained: [{ resourceType: "Medication", id: "m", code: { text: "Aspirin" }, ingredient: [{ itemCodeableConcept: { text: "Aspirin" } }] }],
    dosage: [{ sequence: 1, text: "one" }, { sequence: 2, text: "two" }, { sequence: 3, text: "three" }],
  };
  const made = corrected(medicine, { "contained-0": "Clopidogrel", "dosage-1": "four", "dosage-0": "" });
  assert.deepEqual([made?.["contained"], made?.["medicationReference"], made?.["dosage"]], [
    [{ resourceType: "Medication", id: "m", code: { text: "Clopidogrel" } }], { reference: "#m" }, [{ sequence: 2, text: "four" }, { sequence: 3, text: "three" }],
  ]);
});

test("each reaction of an allergy is corrected, and goes with its last manifestation", () => {
  const allergy = {
    ...ALLERGY, reaction: [
      { manifestation: [{ text: "Rash" }], severity: "mild" }, { manifestation: [{ text: "Wheeze" }, { text: "Itch" }], severity: "severe" },
    ],
  };
  const made = corrected(allergy, { "reaction-0-manifestation-0": "", "reaction-1-manifestation-0": "", "reaction-1-severity": "moderate" });
  assert.deepEqual(made?.["reaction"], [{ manifestation: [{ text: "Itch" }], severity: "moderate" }]);
});

test("a unit that its vital sign does not have can be changed to one that it has", () => {
  const weight = {
    resourceType: "Observation", status: "final", code: { coding: [{ system: "http://loinc.org", code: "29463-7" }] },
    valueQuantity: { value: 82, unit: "cm", system: "http://unitsofmeasure.org", code: "cm" },
  };
  const { value, unit, code } = corrected(weight, { "valueQuantity-code": "kg" })?.["valueQuantity"] as { value: number; unit: string; code: string };
  assert.deepEqual([value, unit, code], [82, "kg", "kg"]);
  assert.ok(!labels({ ...weight, valueQuantity: { value: 82, unit: "kg", code: "kg" } }).some((each) => each.includes("unit")));
});

test("a number in another unit is asked for in a correction, too", () => {
  const hba1c = {
    resourceType: "Observation", status: "final", code: { coding: [{ system: "http://loinc.org", code: "59261-8" }] },
    valueQuantity: { value: 52, unit: "mmol/mol", code: "mmol/mol" },
  };
  const fields = fieldsOf(correctablesOf(hba1c, named), {});
  assert.match(faultsIn(fields, { "valueQuantity-value": "6.9" }, "2026-12-01").get("valueQuantity-value") ?? "", /Is it in %\?/);
});

test("what was interpreted goes with the value, unless it is interpreted anew", () => {
  const one = { ...PRESSURE, component: undefined, valueQuantity: { value: 1, unit: "kg", code: "kg" }, interpretation: { coding: [{ code: "H" }] } };
  assert.equal(corrected(one, { "valueQuantity-value": "2" })?.["interpretation"], undefined);
  const made = corrected(one, { "valueQuantity-value": "2", interpretation: "L" })?.["interpretation"] as { coding: { code: string }[] };
  assert.equal(made.coding[0]?.code, "L");
});
