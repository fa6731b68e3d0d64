/** Visits instead of requests: by the table of cases that the report of `careconnect audit` is tested by too. */

import assert from "node:assert/strict";
import { test } from "node:test";

import type { AuditEvent } from "../src/fhir/audit-event.ts";
import { disclosuresOf, inOrder } from "../src/fhir/visits.ts";
import { csvLines } from "../src/rooms/audit/csv.ts";
import cases from "./visit-cases.json" with { type: "json" };

for (const { case: name, events, csv } of cases) {
  test(`audit.md, Visits: ${name}`, () => {
    const answered = events.map((each) => each.answered as AuditEvent).toReversed();
    assert.deepEqual(csvLines(disclosuresOf(answered), "{archive}"), csv);
  });
}

test("one client's visits are told apart from all others", () => {
  const [, several] = cases;
  const answered = (several?.events ?? []).map((each) => each.answered as AuditEvent);
  assert.equal(disclosuresOf(answered).visits.length, 3);
  assert.deepEqual(disclosuresOf(answered, "clinic").visits.map((each) => each.clientId), ["clinic"]);
  assert.deepEqual(disclosuresOf(answered, "nobody"), { visits: [], refusals: [] });
});

test("all visits in order are those that were allowed and those that were refused, the newest first", () => {
  const refused = cases.find((each) => each.case.startsWith("what was refused"));
  const answered = (refused?.events ?? []).map((each) => each.answered as AuditEvent);
  assert.deepEqual(inOrder(disclosuresOf(answered)).map((each) => each.isAllowed), [false, true]);
});
