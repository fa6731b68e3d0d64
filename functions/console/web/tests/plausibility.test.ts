import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import type { Patient } from "../src/fhir/clinical.ts";
import type { Resource } from "../src/fhir/datatypes.ts";
import { doubtsAbout, doubtsAboutStored, isDoubtful } from "../src/plausibility/doubts.ts";
import { doubtsAboutDuplicates } from "../src/plausibility/duplicate-patients.ts";
import { CLASSES, isSameAllergy, meeting, SAMPLE } from "../src/plausibility/medicine-allergies.ts";
import { duplicateQueries } from "../src/rooms/write/forms/duplicate-search.ts";
import { isSnomedCode } from "../src/rooms/write/forms/snomed-code.ts";

const BORN: Patient = { resourceType: "Patient", birthDate: "1958-02-11" };

function texts(resource: Resource, record: readonly Resource[] = [], patient: Patient | undefined = BORN): readonly string[] {
  return doubtsAbout(resource, { patient, record }).map((each) => each.text);
}

function loinc(code: string): object {
  return { coding: [{ system: "http://loinc.org", code }] };
}

function pressure(systolic: number, diastolic: number): Resource {
  const component = [["8480-6", systolic], ["8462-4", diastolic]].map(([code, value]) => ({
    code: loinc(String(code)), valueQuantity: { value, unit: "mmHg", code: "mm[Hg]" },
  }));
  return { resourceType: "Observation", code: loinc("85354-9"), component };
}

function weight(value: number, more: object = {}): Resource {
  return { resourceType: "Observation", code: loinc("29463-7"), valueQuantity: { value, unit: "kg", code: "kg" }, effectiveDateTime: "2026-11-01", ...more };
}

function allergy(code: object, more: object = {}): Resource {
  return { resourceType: "AllergyIntolerance", id: "a", clinicalStatus: "active", verificationStatus: "confirmed", code, ...more };
}

function medicine(text: string, more: object = {}): Resource {
  return { resourceType: "MedicationStatement", status: "active", medicationCodeableConcept: { text }, ...more };
}

test("every doubt names its rule, its source and its element", () => {
  const doubts = [
    ...doubtsAbout(pressure(82, 180), { patient: BORN, record: [] }),
    ...doubtsAbout(medicine("Amoxicillin", { effectivePeriod: { start: "1950" } }), { patient: BORN, record: [allergy({ text: "Penicillin" })] }),
  ];
  assert.equal(doubts.length, 3);
  for (const { rule, source, at } of doubts) {
    assert.ok(rule && source);
    assert.match(at, /^(Observation|MedicationStatement)\./);
  }
});

test("a systolic below the diastolic is asked for, and one that is not goes through", () => {
  assert.match(texts(pressure(82, 180)).join(), /Systolic 82 is below diastolic 180/);
  assert.deepEqual(texts(pressure(180, 82)), []);
  assert.deepEqual(texts(pressure(82, 82)), []);
});

test("a date before the birth cannot be, but for a problem; one after the death is asked for; both as exact as they are", () => {
  const [early] = doubtsAbout(weight(80, { effectiveDateTime: "1950-01-02" }), { patient: BORN, record: [] });
  assert.equal(early?.isImpossible, true);
  const problem = { resourceType: "Condition", onsetDateTime: "1957-12" };
  assert.equal(doubtsAbout(problem, { patient: BORN, record: [] })[0]?.isImpossible, false);
  for (const day of ["1958", "1958-02", "1958-02-11", "1958-02-11T00:10:00+00:00"]) assert.deepEqual(texts(weight(3, { effectiveDateTime: day })), [], day);
  const dead: Patient = { ...BORN, deceasedDateTime: "2020-05-06T10:00:00+01:00" };
  assert.match(texts(weight(80, { effectiveDateTime: "2020-05-07" }), [], dead).join(), /after the death on 6 May 2020/);
  assert.deepEqual(texts(weight(80, { effectiveDateTime: "2020-05-06T11:00:00+01:00" }), [], dead), []);
  assert.deepEqual(texts(weight(80, { effectiveDateTime: "1950" }), [], { resourceType: "Patient" }), []);
});

test("a problem does not end before it begins", () => {
  const [doubt] = doubtsAbout({ resourceType: "Condition", onsetDateTime: "2021-03", abatementDateTime: "2020" }, { patient: BORN, record: [] });
  assert.equal(doubt?.isImpossible, true);
  assert.deepEqual(texts({ resourceType: "Condition", onsetDateTime: "2021-03", abatementDateTime: "2021" }), []);
});

test("ten times the last value, or a tenth of it, is asked for: of the same code and unit", () => {
  const before = [weight(8.2, { id: "old", effectiveDateTime: "2019" }), weight(82, { id: "last" })];
  for (const value of [820, 8.2]) assert.match(texts(weight(value), before).join(), /ten times/, String(value));
  for (const value of [819, 8.3, 656, 10.25]) assert.match(texts(weight(value), before).join(), /is about ten times/, String(value));
  for (const value of [655, 10.3]) assert.deepEqual(texts(weight(value), before), [], String(value));
  for (const value of [8.81, 8.9]) assert.match(texts(weight(value), [weight(88.1, { id: "last" })]).join(), /is about ten times less than the last value, 88.1 kg/);
  assert.deepEqual(texts(weight(820), [weight(82, { valueQuantity: { value: 82, unit: "g", code: "g" } })]), []);
  assert.deepEqual(texts(weight(820, { id: "last" }), [before[1] ?? BORN]), [], "it is not compared with itself");
  assert.deepEqual(doubtsAboutStored(weight(820), { patient: BORN, record: before }), [], "what is stored has no last value");
});

test("a unit that a vital sign does not have is asked for", () => {
  const measured = (code: string, unit: string) => texts({ resourceType: "Observation", code: loinc(code), valueQuantity: { value: 80, unit, code: unit } });
  assert.match(measured("29463-7", "mm[Hg]").join(), /Weight is in kg, and this is in mmHg/);
  for (const [code, unit] of [["29463-7", "[lb_av]"], ["8867-4", "{beats}/min"], ["4548-4", "%"]] as const) assert.deepEqual(measured(code, unit), [], code);
});

test("an allergy that holds is there already by its code or its substance", () => {
  const recorded = [allergy({ coding: [{ system: "s", code: "1", display: "Allergy to penicillin" }] })];
  const fresh = (code: object) => texts({ ...allergy(code), id: "b" }, recorded);
  assert.match(fresh({ text: "Penicillin" }).join(), /is recorded already/);
  assert.match(fresh({ coding: [{ system: "s", code: "1" }] }).join(), /is recorded already/);
  assert.deepEqual(fresh({ text: "Latex" }), []);
  assert.deepEqual(texts({ ...allergy({ text: "Penicillin" }), id: "b" }, [{ ...recorded[0], clinicalStatus: "resolved" } as Resource]), []);
  assert.equal(isSameAllergy(undefined, { text: "Nuts" }), false);
});

test("a medicine meets an allergy by code, by name, or as one of its class", () => {
  const code = (value: string) => ({ coding: [{ system: "http://snomed.info/sct", code: value }] });
  const cases: readonly (readonly [allergy: object, medicine: object, meets: boolean])[] = [
    [{ text: "Allergy to amoxicillin" }, { text: "Amoxicillin 250mg capsules" }, true],
    [{ text: "Penicillin" }, { text: "Co-amoxiclav 500mg/125mg tablets" }, true],
    [code("91936005"), { text: "Flucloxacillin 500mg capsules" }, true],
    [{ text: "Penicillin" }, code("323509004"), true],
    [code("372687004"), code("372687004"), true],
    [code("91936005"), { text: "Tazocin 4.5g powder for solution for infusion vials" }, true],
    [{ text: "Allergy to penicillin" }, { text: "Pen V 250mg tablets" }, true],
    [{ text: "Pen V" }, { text: "Augmentin-Duo 400/57 oral suspension" }, true],
    [{ text: "Tazocin" }, { text: "Flucloxacillin 500mg capsules" }, true],
    [{ text: "Allergy to penicillin" }, { text: "Insulin pen needles" }, false],
    [{ text: "Nurofen" }, { text: "Naproxen 250mg tablets" }, true],
    [{ text: "Allergy to cefalexin" }, { text: "Zinnat 250mg tablets" }, true],
    [{ text: "Allergy to sulfonamide" }, { text: "Septrin Forte 160mg/800mg tablets" }, true],
    [{ text: "Erythromycin" }, { text: "Klaricid XL 500mg tablets" }, true],
    [{ text: "Doxycycline" }, { text: "Tetralysal 300 capsules" }, true],
    [{ text: "Allergy to aspirin" }, { text: "Ibuprofen 400mg tablets" }, true],
    [{ text: "Ramipril" }, { text: "RAMIPRIL 5mg capsules" }, true],
    [{ text: "Allergy to penicillin" }, { text: "Paracetamol 500mg tablets" }, false],
    [{ text: "Allergy to grass pollen" }, { text: "Simvastatin 40mg tablets" }, false],
    [{ text: "Allergy to drug" }, { text: "Drug tablets" }, false],
    [{}, { text: "Amoxicillin" }, false],
  ];
  for (const [to, of, meets] of cases) assert.equal(meeting([to], [of]) !== null, meets, JSON.stringify([to, of]));
});

test("only a medicine that is taken meets only an allergy that holds; a reference is followed to its ingredients", () => {
  const recorded = allergy({ text: "Penicillin" });
  assert.equal(texts(medicine("Amoxicillin"), [recorded]).length, 1);
  assert.deepEqual(texts({ ...medicine("Amoxicillin"), status: "stopped" }, [recorded]), []);
  assert.deepEqual(texts(medicine("Amoxicillin"), [{ ...recorded, verificationStatus: "refuted" }]), []);
  const request = { resourceType: "MedicationRequest", status: "active", medicationReference: { reference: "Medication/m" } };
  const named = { resourceType: "Medication", id: "m", ingredient: [{ itemCodeableConcept: { text: "Ampicillin" } }] };
  assert.equal(texts(request, [recorded, named]).length, 1);
  assert.deepEqual(texts(request, [recorded]), []);
  assert.equal(texts({ ...request, medicationReference: { display: "Ampicillin" } }, [recorded]).length, 1);
});

test("a doubt that was confirmed is not asked again; another one is, and the impossible cannot be confirmed", () => {
  const [swapped] = doubtsAbout(pressure(82, 180), { patient: BORN, record: [] });
  const [early] = doubtsAbout(weight(80, { effectiveDateTime: "1950" }), { patient: BORN, record: [] });
  assert.ok(swapped && early);
  assert.deepEqual([isDoubtful([], []), isDoubtful([swapped], []), isDoubtful([swapped], [swapped]), isDoubtful([early], [early])], [false, true, false, true]);
});

test("a new allergy is compared with the medicines that are taken, contained ones too, each named once", () => {
  const penicillin = allergy({ text: "Penicillin" }, { id: "new" });
  const contained = { resourceType: "MedicationRequest", status: "active", medicationReference: { reference: "#m" }, contained: [{ resourceType: "Medication", id: "m", code: { text: "Flucloxacillin" } }] };
  assert.match(texts(penicillin, [medicine("Amoxicillin 500mg capsules")]).join(), /The recorded medicine “Amoxicillin 500mg capsules” meets it: both are of the penicillins/);
  assert.equal(texts(penicillin, [medicine("Amoxicillin"), { ...medicine("Amoxicillin"), resourceType: "MedicationRequest" }]).length, 1);
  assert.match(texts(penicillin, [contained]).join(), /Flucloxacillin/);
  assert.deepEqual(texts(penicillin, [medicine("Amoxicillin", { status: "stopped" }), medicine("Losartan")]), []);
  assert.deepEqual(texts(allergy({ text: "Penicillin" }, { verificationStatus: "refuted" }), [medicine("Amoxicillin")]), []);
  // Beside what is stored it is remarked at the medicine.
  assert.deepEqual(doubtsAboutStored(penicillin, { patient: BORN, record: [medicine("Amoxicillin")] }), []);
});

test("every code of a class is a code, says what it means and where, and is in the sample if it says so", () => {
  const sample = ["AllergyIntolerance", "Medication"].map((type) => readFileSync(`../../../tools/careconnect_admin/sample/data/${type}.ndjson`, "utf8")).join("");
  const all = CLASSES.flatMap(({ codes }) => codes);
  for (const { code, means, source } of all) {
    assert.ok(isSnomedCode(code) && means && source, code);
    if (source === SAMPLE) assert.ok(sample.includes(`"code":"${code}","display":"${means}"`), code);
  }
  assert.equal(new Set(all.map(({ code }) => code)).size, all.length);
});

test("what is hardly right in a correction is asked as in a form: ten times the last value, another unit", () => {
  assert.match(texts(weight(820, { id: "1" }), [weight(81, { id: "2" }), weight(82, { id: "1" })]).join(), /ten times/);
  assert.match(texts({ ...weight(82), valueQuantity: { value: 82, unit: "cm", code: "cm" } }).join(), /Weight is in kg/);
});

test("a death before the birth cannot be", () => {
  assert.equal(doubtsAbout({ ...BORN, deceasedDateTime: "1950" }, { patient: BORN, record: [] })[0]?.isImpossible, true);
  assert.deepEqual(texts({ ...BORN, deceasedDateTime: "1958" }), []);
});

test("another date of birth is asked about if the record has entries before it", () => {
  const record = [weight(80, { effectiveDateTime: "1990-05-06" }), weight(80, { effectiveDateTime: "1985" }), { resourceType: "Condition", onsetDateTime: "1950" }];
  assert.match(texts({ resourceType: "Patient", birthDate: "1988-02-11" }, record).join(), /before a birth on 11 Feb 1988, the first of 1985/);
  assert.deepEqual(texts(BORN, record), []);
});

const NUMBER = { system: "https://fhir.nhs.uk/Id/nhs-number", value: "9434765919" };

test("whoever may be there already is searched by number, name and date of birth", () => {
  const added: Patient = { ...BORN, name: [{ family: "O,Hanlon", given: ["Ada", "Mary"] }], identifier: [NUMBER] };
  assert.deepEqual(duplicateQueries(added), [
    "Patient?identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9434765919&_count=20", "Patient?name=O%20Hanlon,Ada&birthdate=1958-02-11&_count=20",
  ]);
  assert.deepEqual(duplicateQueries({ resourceType: "Patient", name: [{ family: "Hollis", given: ["Ada"] }] }), ["Patient?name=Hollis&name=Ada&_count=20"]);
});

test("another record of the same NHS number cannot be, one of the same name is asked about; each is named once", () => {
  const added: Patient = { ...BORN, identifier: [NUMBER] };
  const same: Patient = { ...BORN, id: "5", name: [{ family: "Hollis" }], identifier: [NUMBER] };
  const doubts = doubtsAboutDuplicates(added, [same, same, { resourceType: "Patient", id: "6" }]);
  assert.deepEqual(doubts.map(({ isImpossible, record }) => [isImpossible, record]), [[true, "5"], [false, "6"]]);
  assert.match(doubts[0]?.text ?? "", /943 476 5919 is another record's: HOLLIS, born 11 Feb 1958/);
});
