import assert from "node:assert/strict";
import { test } from "node:test";

import { type Entry, entryOf } from "../src/rooms/record/entries/entries.ts";
import { coursesOf, medicineFacts, medicinesOf, withCourses } from "../src/rooms/record/entries/medicines.ts";
import { groupsOf } from "../src/rooms/record/observations/observation-groups.ts";
import type { Standing } from "../src/rooms/record/sections.ts";
import { allergyStatement } from "../src/rooms/record/summary/allergy-statement.ts";
import { changesOf } from "../src/rooms/record/summary/changes.ts";
import { hasDiabetes } from "../src/rooms/record/summary/diabetes.ts";

function entry(resourceType: string, id: string, more: object): Entry {
  const found = entryOf({ resourceType, id, ...more }, () => "");
  assert.ok(found);
  return found;
}

function request(id: string, name: string, dose: string, start: string, end?: string, more: object = {}): Entry {
  return entry("MedicationRequest", id, {
    status: end === undefined ? "active" : "completed",
    intent: "order",
    medicationCodeableConcept: { text: name },
    authoredOn: start,
    dosageInstruction: [{ text: dose }],
    dispenseRequest: { validityPeriod: { start: start.slice(0, 10), ...(end !== undefined && { end }) } },
    ...more,
  });
}

function statement(id: string, name: string, dose: string, start: string, end?: string, more: object = {}): Entry {
  return entry("MedicationStatement", id, {
    status: end === undefined ? "active" : "completed",
    medicationCodeableConcept: { text: name },
    effectivePeriod: { start, ...(end !== undefined && { end }) },
    dosage: [{ text: dose }],
    ...more,
  });
}

const METFORMIN = [
  request("r1", "Metformin 500mg", "once a day", "2022-07-02", "2023-07-19"),
  statement("s1", "metformin 500mg", "once a day", "2022-07-02", "2023-07-19"),
  request("r2", "Metformin 500mg", "twice a day", "2023-07-19T10:00:00+01:00"),
  statement("s2", "Metformin 500mg", "Twice a day", "2023-07-19"),
];

test("a prescription and its statement are one course, by the reference or by medicine and day", () => {
  const based = statement("s3", "Other name", "once a day", "2024-05-01", undefined, { basedOn: [{ reference: "MedicationRequest/r3" }] });
  const courses = coursesOf([...METFORMIN, request("r3", "Aspirin", "once a day", "2024-01-01"), based, statement("s4", "Aspirin", "x", "2020")]);
  assert.deepEqual(courses.map((each) => each.parts.map((part) => part.id)), [["r1", "s1"], ["r2", "s2"], ["r3", "s3"], ["s4"]]);
  const [, second] = courses;
  assert.deepEqual([second?.kind, second?.when, second?.status, second?.facts], [
    "prescription and statement", "from 19 Jul 2023", "active", ["twice a day"],
  ]);
  const problem = entry("Condition", "c", { code: { text: "Asthma" } });
  assert.deepEqual(withCourses([problem, ...METFORMIN]).map((each) => each.id), ["c", "r1", "r2"]);
});

test("a medicine is one line with the dose that holds and the one before", () => {
  const [metformin, ...others] = medicinesOf(coursesOf(METFORMIN));
  assert.ok(metformin);
  assert.deepEqual(others, []);
  assert.deepEqual([metformin.title, metformin.isCurrent, metformin.doses], ["Metformin 500mg", true, ["twice a day"]]);
  assert.deepEqual(medicineFacts(metformin), ["since 19 Jul 2023", "before that once a day"]);
  assert.deepEqual(metformin.courses.flatMap((each) => each.parts).map((each) => each.id), ["r2", "s2", "r1", "s1"]);
});

test("doses that contradict each other are both said, and so are statuses", () => {
  const [both] = medicinesOf(coursesOf([request("1", "A", "once", "2024-01-01"), request("2", "A", "twice", "2024-02-02")]));
  assert.deepEqual(both?.doses, ["twice", "once"]);
  const [mixed] = coursesOf([request("1", "A", "once", "2024-01-01"), statement("2", "A", "once", "2024-01-01", undefined, { status: "stopped" })]);
  assert.deepEqual([mixed?.status, mixed?.isCurrent], ["prescription active, statement stopped", true]);
});

test("current medicines come first, those without a name stay apart, and a stopped one has its last dose", () => {
  const nameless = { medicationCodeableConcept: {} };
  const medicines = medicinesOf(coursesOf([
    request("1", "Old", "once", "2024-02-01", "2024-03-01"),
    request("2", "New", "twice", "2023-01-01"),
    request("3", "", "x", "2022-01-01", undefined, nameless),
    request("4", "", "y", "2021-01-01", undefined, nameless),
  ]));
  assert.deepEqual(medicines.map((each) => [each.title, each.isCurrent, ...each.doses]), [
    ["New", true, "twice"], ["Without a name", true, "x"], ["Without a name", true, "y"], ["Old", false, "once"],
  ]);
});

test("changes are the latest dated ones: doses, beginnings, ends, stays and results out of range", () => {
  const mmol = (value: number) => ({ value, unit: "mmol/L" });
  const groups = groupsOf([["2024-04-08", 9], ["2024-01-01", 8]].map(([effectiveDateTime, value]) => ({
    resourceType: "Observation", code: { text: "Urea" }, effectiveDateTime: String(effectiveDateTime),
    valueQuantity: mmol(Number(value)), referenceRange: [{ high: mmol(7) }],
  })));
  const stay = { class: { code: "IMP", display: "inpatient" }, period: { start: "2024-02-06T09:00:00Z", end: "2024-02-11T09:00:00Z" } };
  const entries = [
    ...METFORMIN,
    request("r3", "Omeprazole", "once a day", "2023-10-05", "2023-11-02"),
    entry("Condition", "1", { code: { text: "Asthma" }, clinicalStatus: "active", onsetDateTime: "2022-07" }),
    entry("Condition", "2", { code: { text: "Pneumonia" }, clinicalStatus: "resolved", onsetDateTime: "2024-02-06", abatementDateTime: "2024-02-25" }),
    entry("Condition", "3", { code: { text: "Undated" }, clinicalStatus: "active" }),
    entry("AllergyIntolerance", "1", { code: { text: "Penicillin" }, clinicalStatus: "active", assertedDate: "2022-04-13" }),
    entry("AllergyIntolerance", "2", { code: { text: "No known allergies" }, clinicalStatus: "active", assertedDate: "2024-05-05" }),
    entry("Encounter", "1", stay),
    entry("Encounter", "2", { ...stay, period: { start: "2024-06-06T09:00:00Z", end: "2024-06-06T10:00:00Z" } }),
  ];
  assert.deepEqual(changesOf(entries, groups, 20).map((each) => [each.when, each.what, each.how]), [
    ["8 Apr 2024", "Urea", "9 mmol/L, high; was 8 mmol/L"],
    ["25 Feb 2024", "Pneumonia", "resolved"],
    ["6 Feb 2024", "inpatient", "in hospital 6 Feb 2024, 09:00 to 11 Feb 2024, 09:00"],
    ["2 Nov 2023", "Omeprazole", "completed"],
    ["19 Jul 2023", "Metformin 500mg", "dose changed to twice a day; before that once a day"],
    ["2 Jul 2022", "Metformin 500mg", "started: once a day"],
    ["Jul 2022", "Asthma", "new problem"],
    ["13 Apr 2022", "Penicillin", "allergy recorded"],
  ]);
  assert.equal(changesOf(entries, groups, 3).length, 3);
});

test("a date of recording is none of beginning", () => {
  const statement = (more: object) => entry("MedicationStatement", "1", { status: "active", medicationCodeableConcept: { text: "Aspirin" }, dateAsserted: "2026-11-30", ...more });
  const [medicine] = medicinesOf(coursesOf([statement({})]));
  assert.ok(medicine);
  assert.deepEqual(medicineFacts(medicine), ["recorded 30 Nov 2026"]);
  assert.deepEqual(changesOf([statement({ dosage: [{ text: "one" }] })], [], 5).map((each) => [each.when, each.how]), [["30 Nov 2026", "recorded: one"]]);
  assert.deepEqual(changesOf([statement({ effectivePeriod: { start: "2026-11-01" } })], [], 5).map((each) => [each.when, each.how]), [["1 Nov 2026", "started"]]);
  const problem = entry("Condition", "1", { code: { text: "Gout" }, clinicalStatus: "active", assertedDate: "2026-11-30" });
  assert.deepEqual(changesOf([problem], [], 5).map((each) => each.how), ["problem recorded"]);
});

test("the readings of a day are one change, those out of range aside", () => {
  const at = (text: string, effectiveDateTime: string, value: number, more: object = {}) => ({
    resourceType: "Observation", code: { text }, effectiveDateTime, valueQuantity: { value, unit: "x" }, ...more,
  });
  const groups = groupsOf([
    at("Weight", "2024-06-08T09:00:00+01:00", 88), at("Weight", "2024-06-01", 90), at("Height", "2024-06-08T10:00:00+01:00", 172),
    at("Pulse", "2023-01-01", 60), at("Urea", "2024-06-08", 9, { referenceRange: [{ high: { value: 7, unit: "x" } }] }),
    { resourceType: "Observation", code: { text: "Undated" }, valueQuantity: { value: 1, unit: "x" } },
  ]);
  assert.deepEqual(changesOf([], groups, 6).map((each) => [each.when, each.what, each.how]), [
    ["8 Jun 2024", "Readings", "Weight 88 x, Height 172 x"],
    ["8 Jun 2024", "Urea", "9 x, high"],
  ]);
  assert.deepEqual(changesOf([], [], 6), []);
});

test("the readings of the days before the last one are changes too, each of its day", () => {
  const at = (text: string, effectiveDateTime: string, value: number) => ({
    resourceType: "Observation", code: { text }, effectiveDateTime, valueQuantity: { value, unit: "x" }, referenceRange: [{ high: { value: 89, unit: "x" } }],
  });
  const groups = groupsOf([
    at("Weight", "2026-12-01T09:00:00Z", 88), at("Weight", "2026-11-30T09:00:00Z", 87), at("Pulse", "2026-11-30T10:00:00Z", 70),
    at("Weight", "2026-11-29T09:00:00Z", 90), at("Weight", "2026-11-20", 86),
  ]);
  assert.deepEqual(changesOf([], groups, 6).map((each) => [each.when, each.what, each.how]), [
    ["1 Dec 2026", "Readings", "Weight 88 x"],
    ["30 Nov 2026", "Readings", "Weight 87 x, Pulse 70 x"],
    ["29 Nov 2026", "Readings", "Weight 90 x (high)"],
  ]);
});

test("a diabetes that holds is told by code or name", () => {
  const problem = (code: object, clinicalStatus = "active") => [entry("Condition", "1", { code, clinicalStatus })];
  assert.ok(hasDiabetes(problem({ coding: [{ code: "44054006" }] })));
  assert.ok(hasDiabetes(problem({ text: "Type 2 diabetes" })));
  assert.ok(!hasDiabetes(problem({ text: "Diabetes insipidus" })));
  assert.ok(!hasDiabetes(problem({ text: "At risk of diabetes" })));
  assert.ok(!hasDiabetes(problem({ coding: [{ code: "44054006" }] }, "resolved")));
});

test("the banner says that there is no allergy only when all was read", () => {
  const complete: Standing = { closed: [], limited: [], isComplete: true, isLoading: false, failed: [] };
  const reading = { ...complete, isComplete: false, isLoading: true };
  const partly: Standing = { ...complete, limited: [["AllergyIntolerance", "search only where category is food"]] };
  const allergy = (text: string, more: object = {}) => entry("AllergyIntolerance", text, { code: { text }, clinicalStatus: "active", ...more });
  const [nuts, penicillin, none] = [allergy("Nuts"), allergy("Penicillin", { criticality: "high" }), allergy("No known allergies")];
  const past = allergy("Latex", { clinicalStatus: "resolved" });
  const cases: readonly (readonly [entries: readonly Entry[], standing: Standing, active: string, text: string])[] = [
    [[nuts, penicillin, past], complete, "Penicillin Nuts", ""],
    [[], complete, "", "Nothing is recorded: neither an allergy, nor that there is none."],
    [[none], complete, "", "None known, as recorded: No known allergies."],
    [[none, nuts], complete, "Nuts", "It is also recorded that none is known: No known allergies."],
    [[past], complete, "", "None is active."],
    [[], reading, "", "Reading…"],
    [[none], reading, "", "Reading…"],
    [[nuts], reading, "Nuts", "Reading…"],
    [[], { ...complete, isComplete: false }, "", "Not known: not all has been read."],
    [[], partly, "", "Not known: of AllergyIntolerance this token opens a part, search only where category is food."],
    [[nuts], partly, "Nuts", "There may be more: of AllergyIntolerance this token opens a part, search only where category is food."],
    [[nuts], { ...complete, isComplete: false }, "Nuts", "Not all has been read: there may be more."],
    [[], { ...complete, closed: [["AllergyIntolerance", "user/AllergyIntolerance.read"]] }, "", "This token does not open AllergyIntolerance."],
  ];
  for (const [entries, standing, active, text] of cases) {
    const said = allergyStatement(entries, standing);
    assert.deepEqual([said.active.map((each) => each.title).join(" "), said.text], [active, text]);
  }
});
