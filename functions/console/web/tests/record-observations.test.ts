import assert from "node:assert/strict";
import { test } from "node:test";

import type { Measured, Observation } from "../src/fhir/clinical.ts";
import { extent, span, tickTexts } from "../src/rooms/record/observations/chart-axis.ts";
import { measuredText, referenceRangeText } from "../src/rooms/record/observations/measured-text.ts";
import { chartLabel, foremost, groupsOf, isChart, points } from "../src/rooms/record/observations/observation-groups.ts";

let last = 0;

function observation(more: Partial<Observation>): Observation {
  return { resourceType: "Observation", id: String(++last), status: "final", ...more };
}

const WEIGHT = { coding: [{ system: "http://loinc.org", code: "29463-7", display: "Body weight" }] };

function weight(value: number, effectiveDateTime: string, more: Partial<Observation> = {}): Observation {
  return observation({ code: WEIGHT, valueQuantity: { value, unit: "kg", code: "kg" }, effectiveDateTime, ...more });
}

function component(code: string, display: string, value?: number): Measured {
  const concept = { coding: [{ system: "http://loinc.org", code, display }] };
  return value === undefined ? { code: concept } : { code: concept, valueQuantity: { value, unit: "mm[Hg]" } };
}

function pressure(systolic: number, diastolic: number | undefined, effectiveDateTime: string): Observation {
  return observation({
    code: { coding: [{ display: "Blood pressure panel with all children optional" }, { system: "http://loinc.org", code: "85354-9", display: "Blood pressure" }] },
    effectiveDateTime,
    component: [component("8480-6", "Systolic", systolic), component("8462-4", "Diastolic", diastolic)],
  });
}

test("values of each kind are said, and that there is none", () => {
  assert.equal(measuredText(weight(82.25, "2024")), "82.25 kg");
  assert.equal(measuredText(pressure(134, 82, "2024")), "134/82 mmHg");
  assert.equal(measuredText(pressure(134, undefined, "2024")), "Systolic 134 mmHg, Diastolic no value");
  assert.equal(measuredText(observation({ valueCodeableConcept: { text: "Ex-smoker" } })), "Ex-smoker");
  assert.equal(measuredText(observation({ valueString: "2020" })), "2020");
  assert.equal(measuredText(observation({ valueBoolean: false })), "no");
  assert.equal(measuredText(observation({ valueQuantity: { value: 1.9, code: "1" } })), "1.9");
  assert.equal(measuredText(observation({ dataAbsentReason: { text: "Error" } })), "no value: Error");
  assert.equal(measuredText(observation({})), "no value");
  const limits = { low: { value: 4, unit: "mmol/L" }, high: { value: 6, unit: "mmol/L" } };
  assert.equal(referenceRangeText(limits), "4 to 6 mmol/L");
  assert.equal(referenceRangeText({ ...limits, type: { text: "Normal Range" } }), "4 to 6 mmol/L");
  assert.equal(referenceRangeText({ ...limits, type: { text: "Treatment" } }), "4 to 6 mmol/L (Treatment)");
});

test("observations are put together by code, whichever of its codings comes first, those with most values first", () => {
  const both = { coding: [{ system: "http://snomed.info/sct", code: "27113001", display: "Weight of body" }, ...WEIGHT.coding] };
  const groups = groupsOf([
    observation({ code: { text: "Smoking" }, valueString: "never", effectiveDateTime: "2020" }),
    weight(80, "2020-01-01"),
    weight(82, "2021-01-01", { code: both }),
  ]);
  assert.deepEqual(groups.map((each) => [each.title, each.unit, each.rows.map((row) => row.text)]), [
    ["Weight", "kg", ["82 kg", "80 kg"]],
    ["Smoking", "", ["never"]],
  ]);
});

test("units of one code are never mixed, and what was entered in error is left out", () => {
  const stones = { valueQuantity: { value: 13, unit: "st", code: "[stone_av]" } };
  const groups = groupsOf([
    weight(80, "2020-01-01"),
    weight(13, "2021-01-01", stones),
    weight(800, "2022-01-01", { status: "entered-in-error" }),
  ]);
  assert.deepEqual(groups.map((each) => [each.unit, each.rows.length]), [["kg", 1], ["st", 1]]);
});

test("a value whose date cannot be is in the table, and not in the chart", () => {
  const doubt = { rule: "before birth", text: "It is before the birth.", source: "the record", isImpossible: true, at: "Observation" };
  const [group] = groupsOf(
    [weight(80, "1950-01-01"), weight(81, "2024-01-01"), weight(82, "2024-02-01")],
    ({ effectiveDateTime = "" }) => (effectiveDateTime < "1958" ? [doubt] : []),
  );
  assert.ok(group);
  assert.deepEqual([group.rows.length, points(group).map((each) => each.values)], [3, [[81], [82]]]);
});

test("a blood pressure is one chart with a line for each component", () => {
  const [group] = groupsOf([pressure(134, 82, "2024-01-01"), pressure(128, 79, "2024-03-01"), pressure(130, 80, "2024-02-01")]);
  assert.ok(group);
  assert.equal(group.title, "Blood pressure");
  assert.equal(group.unit, "mmHg");
  assert.deepEqual(group.series.map((each) => each.label), ["Systolic", "Diastolic"]);
  assert.deepEqual(points(group).map((each) => each.values), [[134, 82], [130, 80], [128, 79]]);
  assert.equal(chartLabel(group), "Blood pressure, 3 values from 1 Jan 2024 to 1 Mar 2024, latest 128/79 mmHg");
});

test("a chart has three numbers in time; concepts, single and undated values are none", () => {
  const groups = groupsOf([
    weight(80, "2020-01-01"),
    weight(81, "2020-02-01T10:00:00Z"),
    weight(82, "2020-03"),
    ...["a", "b", "c"].map((valueString) => observation({ code: { text: "Words" }, valueString, effectiveDateTime: "2020" })),
    ...[1, 2, 3].map((value) => observation({ code: { text: "Undated" }, valueQuantity: { value } })),
  ]);
  assert.deepEqual(groups.map((each) => [each.title, isChart(each)]), [["Undated", false], ["Weight", true], ["Words", false]]);
});

test("what is chosen comes first, then what is out of range", () => {
  const range = [{ high: { value: 1, unit: "kg" } }];
  const groups = groupsOf([
    ...[1, 2, 3].map((value) => observation({ code: { text: "Often" }, valueQuantity: { value } })),
    weight(82, "2020-03", { referenceRange: range }),
    observation({ code: { text: "Chosen" }, valueQuantity: { value: 1 } }),
  ]);
  assert.deepEqual(foremost(groups, (each) => each.title === "Chosen").map((each) => each.title), ["Chosen", "Weight", "Often"]);
});

test("the latest reference range with a limit in the values' unit is drawn, and held by the axis", () => {
  const range = (low: number, unit: string) => [{ low: { value: low, unit }, high: { value: 90, unit } }];
  const [group] = groupsOf([
    weight(80, "2020-01-01", { referenceRange: range(60, "kg") }),
    weight(82, "2021-01-01", { referenceRange: range(50, "kg") }),
    weight(84, "2022-01-01", { referenceRange: range(9, "st") }),
    weight(85, "2023-01-01", { referenceRange: [{ text: "as usual" }] }),
  ]);
  assert.deepEqual(group?.series[0]?.range, { low: 50, high: 90, text: "50 to 90 kg" });
  assert.ok(group);
  const [low, high] = extent(group);
  assert.ok(low < 50 && low > 40 && high > 90 && high < 100);
});

test("a value's interpretation and a status that is not final are remarked, each once", () => {
  const [group] = groupsOf([
    observation({ code: WEIGHT, status: "preliminary", interpretation: { text: "High" }, component: [{ interpretation: { text: "High" } }] }),
  ]);
  assert.equal(group?.rows[0]?.remarks, "High, preliminary");
});

test("an axis holds a tenth above and below the latest value, so that a small change looks small", () => {
  const of = (...values: readonly number[]) => {
    const [group] = groupsOf(values.map((value, place) => weight(value, String(2030 - place))));
    assert.ok(group);
    return extent(group).map((each) => Math.round(each * 100) / 100);
  };
  assert.deepEqual(of(80), [70.72, 89.28]);
  assert.deepEqual(of(80, 82), [70.72, 89.28]);
  assert.deepEqual(of(0), [0, 1]);
  assert.deepEqual(of(1, 101), [0, 109.01]);
  assert.deepEqual(of(-10, 90), [-19.08, 98.08]);
  assert.deepEqual(span([1000, 101_000]), [-2600, 104_600]);
});

test("marks of time are as exact as they stand apart", () => {
  const at = (text: string) => Date.parse(text) / 1000;
  const day = 86_400;
  assert.deepEqual(tickTexts([at("2024-01-01T00:00Z"), at("2025-01-01T00:00Z")], 365 * day), ["2024", "2025"]);
  assert.deepEqual(tickTexts([at("2024-09-30T23:00Z"), at("2024-11-01T00:00Z"), at("2025-01-01T00:00Z")], 30 * day), [
    "Oct\n2024", "Nov", "Jan\n2025",
  ]);
  assert.deepEqual(tickTexts([at("2024-02-01T00:00Z"), at("2024-02-03T00:00Z")], 2 * day), ["1 Feb\n2024", "3 Feb"]);
  assert.deepEqual(tickTexts([at("2024-07-01T09:00Z"), at("2024-07-01T10:00Z")], 3600), ["10:00\n1 Jul", "11:00"]);
});
