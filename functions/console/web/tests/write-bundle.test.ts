import assert from "node:assert/strict";
import { test } from "node:test";

import type { Bundle } from "../src/fhir/datatypes.ts";
import { resultsOf, summaryOf } from "../src/rooms/write/bundle/entry-results.ts";
import { meaningOf } from "../src/rooms/write/bundle/meaning.ts";
import { starterBundle } from "../src/rooms/write/bundle/starter-bundle.ts";
import { rightsOf } from "../src/rooms/write/rights.ts";

const REFUSED = { resourceType: "OperationOutcome", issue: [{ code: "not-found", diagnostics: "does not exist", expression: ["Observation.subject"] }] };

/** The answers to these requests, each with what the server says of it. */
function answered(...entries: readonly (readonly [method: string, url: string, answer: object])[]) {
  const entry = entries.map(([method, url]) => ({ request: { method, url } }));
  const text = JSON.stringify({ resourceType: "Bundle", type: "batch", entry }, null, 2);
  return resultsOf(text, { resourceType: "Bundle", type: "batch-response", entry: entries.map(([, , answer]) => answer) });
}

test("each answer stands beside what was asked, and leads to what is stored now", () => {
  const results = answered(
    ["POST", "Patient", { response: { status: "201 Created", location: "http://x/careconnect-ri/STU3/Patient/a-1/_history/1" } }],
    ["PUT", "Location/7", { response: { status: "200" } }],
    ["DELETE", "Location/8", { response: { status: "204 No Content" } }],
    ["GET", "Patient?_count=1", { resource: { resourceType: "Bundle", type: "searchset" }, response: { status: "200 OK" } }],
  );
  assert.deepEqual(results.map((each) => [each.asked, each.status]), [
    ["POST Patient", 201], ["PUT Location/7", 200], ["DELETE Location/8", 204], ["GET Patient?_count=1", 200],
  ]);
  assert.deepEqual(results.map((each) => each.written), [{ type: "Patient", id: "a-1" }, { type: "Location", id: "7" }, null, null]);
  assert.deepEqual(results.map((each) => each.line), [8, 14, 20, 26]);
  assert.deepEqual(results.map((each) => each.resource?.resourceType), [undefined, undefined, undefined, "Bundle"]);
  assert.equal(summaryOf(results), "All 4 requests were done.");
});

test("an update by a condition leads where the server says", () => {
  const url = "Patient?identifier=Organization/7";
  const [found, unsaid] = answered(
    ["PUT", url, { response: { status: "200", location: "Patient/b.2/_history/3" } }],
    ["PUT", url, { response: { status: "200" } }],
  );
  assert.deepEqual(found?.written, { type: "Patient", id: "b.2" });
  assert.equal(unsaid?.written, null);
});

test("what was refused says why, and leads nowhere", () => {
  const [refused, unknown, done] = answered(
    ["PUT", "Observation/3", { response: { status: "422", outcome: REFUSED } }],
    ["POST", "Patient", {}],
    ["DELETE", "Patient/4", { response: { status: "204" } }],
  );
  assert.match(refused?.problem?.title ?? "", /not there/);
  assert.deepEqual(refused?.problem?.details, [{ text: "does not exist", where: "Observation.subject" }]);
  assert.equal(refused.written, null);
  assert.equal(unknown?.status, 0);
  assert.notEqual(unknown.problem, null);
  assert.equal(done?.problem, null);
});

test("it is said how many were done", () => {
  const [done, refused] = [{ response: { status: "200" } }, { response: { status: "404" } }];
  const said = (...answers: readonly object[]) => summaryOf(answered(...answers.map((each) => ["GET", "Patient/4", each] as const)));
  assert.equal(said(done), "The request was done.");
  assert.equal(said(refused), "0 of 1 requests were done.");
  assert.equal(said(done, refused), "1 of 2 requests was done.");
});

test("one begins with what the token may create", () => {
  const asked = (scope: string, bound?: string) => {
    const { entry = [] } = JSON.parse(starterBundle(rightsOf(scope, bound), bound, "2026-01-02")) as Bundle;
    return entry.map(({ request, resource }) => `${request?.method} ${request?.url} ${resource?.resourceType ?? ""}`.trim());
  };
  assert.deepEqual(asked("system/*.cruds")[0]?.split(" ")[0], "POST");
  assert.deepEqual(asked("user/Location.write"), ["POST Location Location", "GET Location?_count=1"]);
  assert.deepEqual(asked("patient/Observation.write", "4"), ["POST Observation Observation", "GET Observation?_count=1"]);
  assert.deepEqual(asked("user/Observation.write"), ["GET Patient?_count=1"]);
});

test("the desk says what becomes of the entries of this type of Bundle, also while its text is not whole", () => {
  assert.match(meaningOf('{"resourceType": "Bundle", "type": "batch", "entry": ['), /^A batch: .* none fails another/);
  assert.match(meaningOf('{"type":"transaction"}'), /^A transaction: all entries that write are done, or none\./);
  assert.match(meaningOf('{"resourceType": "Bundle"'), /^A batch answers .*; a transaction does/);
});
