import assert from "node:assert/strict";
import { test } from "node:test";

import { faultsOfAnswer, faultsOfText, marksOf } from "../src/rooms/write/editor/faults.ts";
import { asWriting, isOfText, isStale } from "../src/rooms/write/refusals.ts";
import { problemOf } from "../src/service/problem.ts";

function refused(status: number, ...issues: readonly (readonly [code: string, diagnostics: string, expression?: string])[]) {
  const issue = issues.map(([code, diagnostics, expression]) => ({ code, diagnostics, ...(expression && { expression: [expression] }) }));
  return problemOf(status, {}, JSON.stringify({ resourceType: "OperationOutcome", issue }));
}

const STALE = refused(409, ["conflict", "If-Match names another version than the current one", "http.If-Match"]);
const IN_USE = refused(409, ["conflict", "The resource is still referred to, by resources of these types: Observation."]);

test("a server's faults have their lines, and those of the whole have none", () => {
  const text = '{\n  "resourceType": "Patient",\n  "birthDate": "x"\n}';
  const problem = refused(422, ["value", "is no date", "Patient.birthDate"], ["required", "missing", "Patient.name"], ["invalid", "all of it"]);
  const faults = faultsOfAnswer(problem, text, "json");

  assert.deepEqual(faults.map((each) => [each.where, each.line]), [["Patient.birthDate", 3], ["Patient.name", 1], ["", 0]]);
  assert.deepEqual(
    marksOf(faults).map((each) => [text.slice(each.from, each.to), each.text]),
    [['"x"', "is no date"], ["{", "missing"]],
  );
});

test("a server's faults have their lines in XML as well", () => {
  const text = '<Patient xmlns="http://hl7.org/fhir">\n  <birthDate value="x"/>\n</Patient>';
  const problem = refused(422, ["value", "is no date", "Patient.birthDate"], ["required", "missing", "Patient.name"]);
  assert.deepEqual(
    faultsOfAnswer(problem, text, "xml").map((each) => [each.line, text.slice(each.range?.from, each.range?.to)]),
    [[2, "x"], [1, "Patient"]],
  );
  assert.deepEqual(faultsOfText("<Patient>\n<name>\n</Patient>", "xml").map((each) => each.line), [2]);
});

test("broken JSON has the line that it breaks at", () => {
  assert.deepEqual(faultsOfText('{\n"a": 1\n"b": 2}', "json").map((each) => each.line), [3]);
});

test("the two conflicts are told apart", () => {
  assert.equal(isStale(STALE), true);
  assert.equal(isStale(IN_USE), false);
  assert.match(asWriting(STALE).title, /changed it since/);
  const inUse = asWriting(IN_USE);
  assert.match(inUse.title, /in use/);
  assert.match(inUse.details[0]?.text ?? "", /Observation/);
});

test("a reference to nothing is told as one, other faults as faults", () => {
  assert.match(asWriting(refused(422, ["not-found", "does not exist", "Observation.subject"])).title, /not there/);
  assert.match(asWriting(refused(422, ["value", "is no date"])).title, /not valid/);
  assert.match(asWriting(refused(422, ["too-costly", "at most 50", "Patient.identifier"])).title, /too much/);
});

test("only what is of the text is marked in it", () => {
  assert.deepEqual([400, 422, 401, 403, 409, 413, 503].filter((status) => isOfText(refused(status, ["x", "y"]))), [400, 422]);
});

test("a missing scope keeps the words that name it", () => {
  const problem = problemOf(403, { "www-authenticate": 'Bearer scope="user/Patient.u"' }, "");
  assert.deepEqual(asWriting(problem), problem);
});
