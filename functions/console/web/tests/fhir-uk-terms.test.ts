import assert from "node:assert/strict";
import { test } from "node:test";

import type { Measured, Observation } from "../src/fhir/clinical.ts";
import type { Quantity } from "../src/fhir/datatypes.ts";
import { flagsOf, flagText } from "../src/rooms/record/observations/flags.ts";
import { measuredText } from "../src/rooms/record/observations/measured-text.ts";
import { type Group, groupsOf } from "../src/rooms/record/observations/observation-groups.ts";
import { measurementName, ukQuantityText, ukRangeText } from "../src/fhir/uk-terms.ts";

const LONG = { coding: [{ system: "http://loinc.org", code: "4548-4", display: "Hemoglobin A1c/Hemoglobin.total in Blood" }] };
const percent = (value: number): Quantity => ({ value, unit: "%", code: "%" });

test("what is measured is named as in the UK, and as it was recorded where its code is not listed", () => {
  const names: readonly (readonly [code: string, name: string])[] = [
    ["4548-4", "HbA1c"], ["999791000000106", "HbA1c"], ["75367002", "Blood pressure"], ["29463-7", "Weight"], ["14682-9", "Creatinine"],
  ];
  for (const [code, name] of names) assert.equal(measurementName({ coding: [{ code, display: "long" }] }), name);
  assert.equal(measurementName({ coding: [{ code: "1-1", display: "Ferritin" }] }), "Ferritin");
  assert.equal(measurementName({ text: "Peak flow", coding: [{ display: "long" }] }), "Peak flow");
  assert.equal(measurementName(undefined), "");
});

test("HbA1c in percent has mmol/mol before it, by the IFCC's equation, and nothing else is converted", () => {
  for (const [ngsp, ifcc] of [[6, 42], [6.5, 48], [7, 53], [7.5, 58], [9, 75], [6.93, 52]] as const) {
    assert.equal(ukQuantityText(LONG, percent(ngsp)), `${ifcc} mmol/mol (${ngsp}%)`);
  }
  assert.equal(ukQuantityText(LONG, { ...percent(5), comparator: "<" }), "< 31 mmol/mol (< 5%)");
  assert.equal(ukQuantityText(LONG, { value: 48, unit: "mmol/mol" }), "48 mmol/mol");
  assert.equal(ukQuantityText({ text: "Saturation" }, percent(97)), "97%");
  assert.equal(ukRangeText(LONG, { low: percent(4), high: percent(6) }), "20 to 42 mmol/mol (4 to 6%)");
  assert.equal(ukRangeText(LONG, { high: percent(6) }), "up to 42 mmol/mol (up to 6%)");
});

test("HbA1c in both units is one line in mmol/mol, with its band", () => {
  const range = [{ low: percent(4), high: percent(6) }];
  const groups = groupsOf([
    { resourceType: "Observation", code: LONG, valueQuantity: percent(7), effectiveDateTime: "2022", referenceRange: range },
    {
      resourceType: "Observation",
      code: { coding: [{ code: "59261-8" }] },
      valueQuantity: { value: 50, unit: "mmol/mol", code: "mmol/mol" },
      effectiveDateTime: "2023",
    },
  ]);
  const [group] = groups as [Group];
  assert.deepEqual(groups.map((each) => [each.title, each.unit]), [["HbA1c", "mmol/mol"]]);
  assert.deepEqual(group.rows.map((each) => [each.text, ...each.values]), [["50 mmol/mol", 50], ["53 mmol/mol (7%)", 53]]);
  assert.deepEqual(group.series[0]?.range, { low: 20, high: 42, text: "20 to 42 mmol/mol (4 to 6%)" });
});

test("a value is flagged by its range in its own unit, or as the laboratory said", () => {
  const mmol = (value: number, comparator?: string) => ({ value, unit: "mmol/L", ...(comparator && { comparator }) });
  const range = [{ low: mmol(4), high: mmol(6) }];
  const cases: readonly (readonly [flags: string, measured: Measured])[] = [
    ["high", { valueQuantity: mmol(6.1), referenceRange: range }],
    ["low", { valueQuantity: mmol(3.9), referenceRange: range }],
    ["", { valueQuantity: mmol(6), referenceRange: range }],
    ["", { valueQuantity: mmol(4), referenceRange: range }],
    ["low", { valueQuantity: mmol(3, "<"), referenceRange: range }],
    ["", { valueQuantity: mmol(7, "<"), referenceRange: range }],
    ["high", { valueQuantity: mmol(7, ">="), referenceRange: range }],
    ["", { valueQuantity: mmol(3, ">"), referenceRange: range }],
    ["", { valueQuantity: { value: 90, unit: "mg/dL" }, referenceRange: range }],
    ["", { valueQuantity: mmol(9) }],
    ["high", { valueQuantity: mmol(5), referenceRange: range, interpretation: { coding: [{ code: "HH" }] } }],
    ["", { valueQuantity: mmol(9), referenceRange: range, interpretation: { coding: [{ code: "N" }] } }],
    ["abnormal", { valueString: "seen", interpretation: { coding: [{ code: "A" }] } }],
  ];
  for (const [flags, measured] of cases) {
    assert.equal(flagText(flagsOf({ resourceType: "Observation", ...measured })), flags, JSON.stringify(measured));
  }
});

test("of a blood pressure each part is flagged", () => {
  const part = (code: string, value: number, high: number): Measured => ({
    code: { coding: [{ code }] }, valueQuantity: { value, unit: "mmHg" }, referenceRange: [{ high: { value: high, unit: "mmHg" } }],
  });
  const one: Observation = { resourceType: "Observation", component: [part("8480-6", 150, 140), part("8462-4", 80, 90)] };
  assert.equal(flagText(flagsOf(one)), "Systolic high");
  assert.equal(measuredText(one), "150/80 mmHg");
});
