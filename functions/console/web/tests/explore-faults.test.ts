import assert from "node:assert/strict";
import { test } from "node:test";

import type { SearchParameter } from "../src/fhir/capabilities.ts";
import { type Criterion, emptyCriterion, emptyForm } from "../src/rooms/explore/criteria.ts";
import { faultsOf } from "../src/rooms/explore/faults.ts";
import { problemOf } from "../src/service/problem.ts";

const PARAMETERS: readonly SearchParameter[] = [
  { name: "date", type: "date" },
  { name: "code", type: "token" },
  { name: "birthdate", type: "date" },
];
const WORDS = "not a date such as 2017.";

function row(parameter: string, more: Partial<Criterion>): Criterion {
  return { ...emptyCriterion(parameter), ...more };
}

/** Returns the numbers of the rows that a refusal of a parameter is about, with what is said of them. */
function faulty(name: string, rows: readonly Criterion[], status = 400): readonly (readonly [row: number, words: string])[] {
  const issue = [{ code: "value", diagnostics: `${name}: ${WORDS}`, expression: [`http.${name}`] }];
  const problem = problemOf(status, {}, JSON.stringify({ resourceType: "OperationOutcome", issue }));
  const faults = faultsOf(problem, { ...emptyForm(PARAMETERS), criteria: rows }, PARAMETERS);
  return [...faults].map(([key, words]) => [rows.findIndex((each) => each.key === key), words]);
}

test("a refusal stands at the row of the parameter that it names", () => {
  const rows = [row("code", { value: "a" }), row("date", { value: "summer" }), row("birthdate", { value: "x" })];
  assert.deepEqual(faulty("date", rows), [[1, WORDS]]);
  assert.deepEqual(faulty("birthdate", rows), [[2, WORDS]]);
  assert.deepEqual(faulty("code", rows), [[0, WORDS]]);
});

test("of a period's two rows it is the one that is no date, and never one that says nothing", () => {
  const rows = [row("date", { how: "ge", value: "14/06/2024" }), row("date", { how: "le", value: "2024,soon" }), row("date", {})];
  assert.deepEqual(faulty("date", rows), [[1, WORDS]]);
  assert.deepEqual(faulty("date", [row("date", { value: "2024" }), row("date", {})]), [[0, WORDS]]);
});

test("a chain that is written out is named by its end", () => {
  const rows = [row("", { name: "patient.birthdate:not", value: "x" }), row("", { name: "_has:Observation:patient:date", value: "y" })];
  assert.deepEqual(faulty("birthdate", rows), [[0, WORDS]]);
  assert.deepEqual(faulty("date", rows), [[1, WORDS]]);
});

test("what is about no row, or is no fault of the request, is not shown at one", () => {
  const rows = [row("date", { value: "x" })];
  assert.deepEqual(faulty("_sort", rows), []);
  assert.deepEqual(faulty("date", rows, 403), []);
  assert.deepEqual([...faultsOf(null, emptyForm(PARAMETERS), PARAMETERS)], []);
});
