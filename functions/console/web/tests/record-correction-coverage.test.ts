import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";

import type { Patient } from "../src/fhir/clinical.ts";
import type { Reference, Resource } from "../src/fhir/datatypes.ts";
import { addressText, contactText } from "../src/fhir/text.ts";
import { correctablesOf } from "../src/rooms/record/correction/correctable.ts";
import { elsewhereOf } from "../src/rooms/record/correction/elsewhere.ts";
import { entryOf } from "../src/rooms/record/entries/entries.ts";
import { bornText, deathText, nhsNumber, patientName } from "../src/rooms/record/patient-summary.ts";
import { RECORD_TYPES } from "../src/rooms/record/record-plan.ts";
import { beginOf, fieldsOf } from "../src/rooms/write/forms/elements.ts";

const SAMPLE = "../../../tools/careconnect_admin/sample/data";
const named = (reference: Reference | undefined) => reference?.display ?? reference?.reference ?? "";
const concept = (text: string) => ({ text });
const quantity = (value: number) => ({ value, unit: "kg", code: "kg" });

/** Resources with whatever the record shows of their type, beside those of the sample. */
const FULL: readonly Resource[] = [
  {
    resourceType: "Patient", name: [{ use: "official", text: "Ada Example" }], deceasedBoolean: true,
    address: [{ text: "1 High Street, Leeds" }], telecom: [{ system: "phone", value: "1", use: "work" }],
    generalPractitioner: [{ reference: "Practitioner/1" }], managingOrganization: { reference: "Organization/1" },
  },
  {
    resourceType: "Condition", code: concept("Gout"), clinicalStatus: "resolved", verificationStatus: "confirmed", onsetPeriod: { start: "2020" },
    abatementString: "in her teens", severity: concept("Mild"), bodySite: [concept("Toe"), concept("Heel")], note: [{ text: "One" }, { text: "Two" }],
  },
  { resourceType: "Condition", code: concept("Gout"), onsetString: "as a child", assertedDate: "2020-01-01" },
  {
    resourceType: "AllergyIntolerance", code: concept("Nuts"), clinicalStatus: "active", verificationStatus: "confirmed", type: "intolerance", criticality: "low",
    reaction: [
      { substance: concept("Peanut"), manifestation: [concept("Rash"), concept("Wheeze")], severity: "mild" },
      { manifestation: [concept("Swelling")], severity: "severe" },
    ],
    note: [{ text: "One" }], assertedDate: "2020",
  },
  {
    resourceType: "MedicationStatement", status: "stopped", taken: "n", reasonNotTaken: [concept("Sick of it")], dateAsserted: "2020",
    medicationReference: { reference: "#m" }, contained: [{ resourceType: "Medication", id: "m", code: concept("Aspirin") }],
    dosage: [{ sequence: 1, text: "one" }, { doseQuantity: quantity(1), route: concept("Oral"), asNeededCodeableConcept: concept("Pain") }], note: [{ text: "One" }],
  },
  {
    resourceType: "MedicationRequest", status: "active", intent: "plan", medicationReference: { reference: "Medication/1", display: "Aspirin" },
    dosageInstruction: [{ text: "one", asNeededBoolean: true }], authoredOn: "2020", note: [{ text: "One" }],
    dispenseRequest: { validityPeriod: { start: "2020-01-01", end: "2020-02-01" }, numberOfRepeatsAllowed: 2 },
  },
  {
    resourceType: "Immunization", status: "completed", notGiven: true, vaccineCode: concept("Flu"), lotNumber: "1", location: { display: "Leeds" },
    extension: [{ url: "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-DateRecorded-1", valueDateTime: "2020-01-01" }],
    vaccinationProtocol: [{ doseSequence: 2 }], explanation: { reasonNotGiven: [concept("Refused")] },
  },
  {
    resourceType: "Encounter", status: "finished", class: { code: "AMB", display: "ambulatory" }, type: [concept("Visit")], reason: [concept("Cough")],
    period: { start: "2020-01-01", end: "2020-01-02" }, serviceProvider: { display: "Leeds" }, participant: [{ individual: { display: "Dr A" } }],
    location: [{ location: { display: "Ward" } }],
  },
  { resourceType: "EpisodeOfCare", status: "active", type: [concept("Care")], managingOrganization: { display: "Leeds" }, careManager: { display: "Dr A" } },
  {
    resourceType: "Procedure", status: "completed", notDone: true, notDoneReason: concept("Ill"), code: concept("Scan"), bodySite: [concept("Toe")],
    outcome: concept("Good"), performer: [{ actor: { display: "Dr A" } }],
  },
  {
    resourceType: "Goal", status: "in-progress", description: concept("Walk"), category: [concept("Sport")], startDate: "2020-01-01",
    target: { dueDate: "2021-01-01" }, statusReason: "Slow", note: [{ text: "One" }],
  },
  ...[
    { valueBoolean: true }, { valueRange: { low: quantity(1), high: quantity(2) } }, { valueDateTime: "2020-01-01" }, { valueCodeableConcept: concept("Smoker") },
    { valuePeriod: { start: "2020-01-01", end: "2020-01-02" } }, { dataAbsentReason: concept("Not asked") }, { valueString: "Text" },
    { component: [{ code: concept("Part"), valueString: "Text", interpretation: { coding: [{ code: "H" }] } }] },
  ].map((value) => ({
    resourceType: "Observation", status: "preliminary", code: concept("Something"), comment: "A remark", issued: "2020-01-01T10:00:00Z",
    referenceRange: [{ low: quantity(1), high: quantity(2) }, { text: "Normal" }], interpretation: { coding: [{ code: "H" }] }, ...value,
  })),
];

/** Returns a resource that notes each text, number and truth value that is read from it, as an element's expression. */
function watched<Value extends object>(value: Value, path: string, seen: Set<string>): Value {
  return new Proxy(value, {
    get: (target, member) => {
      const found: unknown = Reflect.get(target, member);
      if (typeof member === "symbol" || (Array.isArray(target) && !/^\d+$/.test(member))) return found;
      const at = Array.isArray(target) ? `${path}[${member}]` : `${path}.${member}`;
      if (typeof found === "object" && found !== null) return watched(found, at, seen);
      if (found !== undefined && typeof found !== "function") seen.add(at);
      return found;
    },
  });
}

/** Shows a resource as the record does, and returns what of it was read. */
function shown(resource: Resource): readonly string[] {
  const seen = new Set<string>();
  const one = watched(resource, resource.resourceType, seen);
  if (resource.resourceType !== "Patient") entryOf(one, named);
  else {
    const { address = [], telecom = [], generalPractitioner = [], managingOrganization } = one as Patient;
    [patientName, (each: Patient) => bornText(each, "2026-12-01"), deathText, nhsNumber].forEach((tell) => tell(one));
    address.forEach(addressText);
    telecom.forEach(contactText);
    [...generalPractitioner, managingOrganization].forEach(named);
  }
  return [...seen];
}

/** What says which element it is and whose, and is no value of its own. */
const IDENTITY = /\.(resourceType|id|url|system|use)$|\.meta\./;

/** Returns the expressions of what is shown of a resource, and is neither corrected nor said to be changed elsewhere. */
function uncorrected(resource: Resource): readonly string[] {
  const correctables = correctablesOf(resource, named);
  const fields = fieldsOf(correctables, beginOf(correctables)).flatMap(({ at }) => at);
  const { resourceType } = resource;
  // A reference to a medicine is replaced by its name; a coding, a dose or a quantity goes with the field of the whole.
  const also = fields.some((each) => each.endsWith(".medicationCodeableConcept")) ? [`${resourceType}.medicationReference`] : [];
  const others = elsewhereOf(resource).flatMap(({ elements }) => elements.map((each) => `${resourceType}.${each}`));
  const contained = fields.some((each) => each.includes(".contained[")) ? [`${resourceType}.medicationReference`] : [];
  const all = [...fields, ...also, ...others, ...contained].map((each) => each.replace(/\.value$/, ""));
  const plain = (each: string) => each.replace(/\.component\[\d+\]\.code/, ".component.code");
  return shown(resource).filter((each) => !IDENTITY.test(each) && !all.some((at) => plain(each) === at || plain(each).startsWith(`${at}.`) || plain(each).startsWith(`${at}[`)));
}

test("whatever the record shows of an entry, or of its patient, can be corrected there or says what to do instead", () => {
  const sample = ["Patient", ...RECORD_TYPES].flatMap((type) => {
    const path = `${SAMPLE}/${type}.ndjson`;
    return existsSync(path) ? readFileSync(path, "utf8").split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line) as Resource) : [];
  });
  // One of each shape: what is shown depends on what is there.
  const shapeOf = (one: Resource) => JSON.stringify(one, (_, value: unknown) => (typeof value === "object" ? value : typeof value));
  const all = [...new Map([...sample, ...FULL].map((each) => [shapeOf(each) + String(each["status"]), each])).values()];
  assert.deepEqual(new Set(all.map((each) => each.resourceType)), new Set(["Patient", ...RECORD_TYPES]));
  for (const each of all) {
    assert.ok(shown(each).length > 0, each.resourceType);
    assert.deepEqual(uncorrected(each), [], JSON.stringify(each));
  }
});
