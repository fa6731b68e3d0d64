import assert from "node:assert/strict";
import { test } from "node:test";

import { type Difference, differencesOf } from "../src/fhir/difference.ts";

const PATIENT = {
  resourceType: "Patient",
  id: "4",
  meta: { versionId: "1", lastUpdated: "2026-01-01T00:00:00Z" },
  name: [{ use: "official", family: "Muñoz", given: ["Ana", "Eva"] }],
  telecom: [
    { system: "phone", value: "0115 496 0004", use: "home" },
    { system: "email", value: "ana@example.org" },
  ],
  birthDate: "1972-11-05",
};

function lines(before: object, after: object): readonly string[] {
  return differencesOf(before as never, after as never).map(line);
}

function line({ kind, path, before, after }: Difference): string {
  return `${kind} ${path} ${said(before)} ${said(after)}`;
}

function said(value: unknown): string {
  return value === undefined ? "-" : JSON.stringify(value);
}

function without(name: keyof typeof PATIENT): object {
  return Object.fromEntries(Object.entries(PATIENT).filter(([each]) => each !== name));
}

test("the same content has no difference, whatever its version, time and order of members", () => {
  const { name, ...others } = PATIENT;
  const later = { ...others, name, meta: { lastUpdated: "2026-02-02T00:00:00Z", versionId: "2" } };
  assert.deepEqual(lines(PATIENT, later), []);
  assert.deepEqual(lines(without("meta"), PATIENT), []);
});

test("a changed, an added and a removed element are one line each", () => {
  const others = without("birthDate");
  assert.deepEqual(lines(PATIENT, { ...PATIENT, birthDate: "1972-11-06" }), [
    'changed Patient.birthDate "1972-11-05" "1972-11-06"',
  ]);
  assert.deepEqual(lines(PATIENT, others), ['removed Patient.birthDate "1972-11-05" -']);
  assert.deepEqual(lines(others, { ...others, active: false }), ["added Patient.active - false"]);
  assert.deepEqual(lines(PATIENT, { ...PATIENT, meta: { ...PATIENT.meta, tag: [{ code: "a" }] } }), [
    'added Patient.meta - {"tag":[{"code":"a"}]}',
  ]);
});

test("an element put into a list, or taken out, does not change those behind it", () => {
  const fax = { system: "fax", value: "0115 496 0009" };
  assert.deepEqual(lines(PATIENT, { ...PATIENT, telecom: [fax, ...PATIENT.telecom] }), [
    `added Patient.telecom[0] - ${JSON.stringify(fax)}`,
  ]);
  assert.deepEqual(lines(PATIENT, { ...PATIENT, telecom: PATIENT.telecom.slice(1) }), [
    `removed Patient.telecom[0] ${JSON.stringify(PATIENT.telecom[0])} -`,
  ]);
  const given = (list: readonly string[]) => ({ ...PATIENT, name: [{ ...PATIENT.name[0], given: list }] });
  assert.deepEqual(lines(PATIENT, given(["Ana", "Mía", "Eva"])), ['added Patient.name[0].given[1] - "Mía"']);
  assert.deepEqual(lines(PATIENT, given(["Anna", "Eva"])), ['changed Patient.name[0].given[0] "Ana" "Anna"']);
});

test("a changed element of a list is compared with what it was, beside one that was put in", () => {
  const [phone, email] = PATIENT.telecom;
  const work = { system: "phone", value: "0115 496 0123", use: "work" };
  assert.deepEqual(lines(PATIENT, { ...PATIENT, telecom: [work, { ...phone, value: "0115 496 0555" }, email] }), [
    `added Patient.telecom[0] - ${JSON.stringify(work)}`,
    'changed Patient.telecom[1].value "0115 496 0004" "0115 496 0555"',
  ]);
});

test("elements of another identity are not one that has changed", () => {
  const of = (system: string, value: string) => ({ resourceType: "Patient", identifier: [{ system, use: "usual", value }] });
  assert.deepEqual(lines(of("a", "1"), of("a", "2")), ['changed Patient.identifier[0].value "1" "2"']);
  assert.deepEqual(lines(of("a", "1"), of("b", "1")), [
    'removed Patient.identifier[0] {"system":"a","use":"usual","value":"1"} -',
    'added Patient.identifier[0] - {"system":"b","use":"usual","value":"1"}',
  ]);
  const deep = (value: number) => ({
    resourceType: "Observation",
    component: [{ code: { text: "Systolic" }, valueQuantity: { value } }, { code: { text: "Diastolic" } }],
  });
  assert.deepEqual(lines(deep(120), deep(121)), ["changed Observation.component[0].valueQuantity.value 120 121"]);
});

test("a primitive's extension is named by the primitive, and a null in its list keeps the places", () => {
  const url = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
  const absent = { extension: [{ url, valueCode: "unknown" }] };
  const known = { resourceType: "Patient", _birthDate: absent };
  assert.deepEqual(lines(known, { ...known, _birthDate: { extension: [{ url, valueCode: "masked" }] } }), [
    'changed Patient.birthDate.extension[0].valueCode "unknown" "masked"',
  ]);
  assert.deepEqual(lines({ resourceType: "HumanName", _given: [null] }, { resourceType: "HumanName", _given: [null, absent] }), [
    `added HumanName.given[1] - ${JSON.stringify(absent)}`,
  ]);
});

test("long lists stay quick, also where each element has changed", () => {
  const list = (length: number, unit: string) => ({
    resourceType: "List",
    entry: Array.from({ length }, (_, place) => ({ item: { display: `Item ${place}` }, unit })),
  });
  const begun = performance.now();
  assert.equal(lines(list(150, "a"), list(150, "b")).length, 150);
  assert.equal(lines(list(3000, "a"), list(3000, "b")).length, 3000);
  assert.equal(lines(list(3000, "a"), list(3001, "a")).length, 1);
  assert.ok(performance.now() - begun < 2000);
});
