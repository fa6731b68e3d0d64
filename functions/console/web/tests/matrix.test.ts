import assert from "node:assert/strict";
import { test } from "node:test";

import { isKept, type Party, questionsOf, reasonOf, verdictOf } from "../src/rooms/matrix/promise.ts";
import { summaryOf, tallyOf } from "../src/rooms/matrix/tally.ts";
import { inTurns } from "../src/service/in-turns.ts";

const PAGE_CLIENT = "a24a4d9f-c264-4af7-a8e5-248c24a6b707";

function party(scope: string, clientId = "somebody"): Party {
  return { clientId, name: "Somebody", scope, patient: "" };
}

function question(scope: string, typeName: string, clientId?: string) {
  const found = questionsOf(party(scope, clientId)).find((each) => each.type.name === typeName);
  assert.ok(found);
  return found;
}

test("a client is promised what its scopes open", () => {
  const promised = (scope: string) => questionsOf(party(scope)).filter((each) => each.isPromised).map((each) => each.type.name);

  assert.deepEqual(promised("user/MedicationOrder.read"), ["MedicationRequest", "Medication"]);
  assert.deepEqual(promised("system/*.cud"), []);
  assert.equal(promised("system/*.read").length, questionsOf(party("")).length - 1);
  assert.deepEqual(promised("system/AuditEvent.read"), ["AuditEvent"]);
  assert.match(reasonOf(question("system/*.read", "AuditEvent")), /closed\. None .* it takes system\/AuditEvent\.read\.$/);
});

test("the page's clients are promised its table, whatever their scopes are", () => {
  assert.equal(question("profile", "Patient", PAGE_CLIENT).isPromised, true);
  assert.equal(question("system/*.read", "Condition", PAGE_CLIENT).isPromised, false);
  assert.match(reasonOf(question("", "Condition", PAGE_CLIENT)), /page: closed/);
});

test("a cell is a search; a read of nobody where reading alone is open", () => {
  assert.equal(question("user/Patient.rs", "Patient").path, "Patient?_count=1");
  assert.equal(question("user/Patient.s", "Patient").path, "Patient?_count=1");
  assert.equal(question("user/Patient.c", "Patient").path, "Patient?_count=1");
  assert.match(question("user/Patient.r", "Patient").path, /^Patient\/[A-Za-z0-9.-]{1,64}$/);
});

test("an answer is open, closed, or about something else", () => {
  const search = question("user/Patient.s", "Patient");
  const read = question("user/Patient.r", "Patient");

  assert.deepEqual([200, 403, 404, 401, 429, 503].map((each) => verdictOf(search, each)), ["open", "closed", "unclear", "unclear", "unclear", "unclear"]);
  assert.deepEqual([200, 403, 404, 401].map((each) => verdictOf(read, each)), ["open", "closed", "open", "unclear"]);
});

test("a promise is kept by the very answer, to open as to close", () => {
  const open = question("user/Patient.read", "Patient");
  const closed = question("user/Patient.read", "Condition");

  assert.deepEqual((["open", "closed", "unclear"] as const).map((each) => isKept(open, each)), [true, false, false]);
  assert.deepEqual((["open", "closed", "unclear"] as const).map((each) => isKept(closed, each)), [false, true, false]);
});

test("the reason names the scopes that open it, or the one that is missing at the client's level", () => {
  assert.equal(reasonOf(question("profile user/Patient.read patient/Patient.r", "Patient")), "Promised by its scopes: open. user/Patient.read opens searching Patient.");
  assert.match(reasonOf(question("patient/*.r user/Patient.rs", "Condition")), /patient\/\*\.r opens reading Condition/);
  assert.match(reasonOf(question("system/Patient.read", "Condition")), /it takes system\/Condition\.read\.$/);
  assert.match(reasonOf(question("", "Location")), /it takes user\/Location\.read, or profile\.$/);
});

test("the sum says what was kept, what was not, and what is missing", () => {
  const open = question("user/Patient.read", "Patient");
  const cell = (verdict: "open" | "closed" | null) => ({ question: open, verdict });

  assert.equal(summaryOf(tallyOf([cell(null), cell(null)])), "2 questions, none asked yet.");
  assert.equal(summaryOf(tallyOf([cell("open"), cell("open")])), "2 of 2 answers are as promised.");
  assert.equal(summaryOf(tallyOf([cell("closed"), cell(null)])), "0 of 1 answer is as promised. 1 question is unanswered.");
});

test("many calls go a few at a time, in their order", async () => {
  const begun: number[] = [];
  let [under, most] = [0, 0];

  await inTurns([1, 2, 3, 4, 5, 6, 7], 3, async (each) => {
    begun.push(each);
    most = Math.max(most, ++under);
    await new Promise((resolve) => setTimeout(resolve, 8 - each));
    under--;
  });

  assert.deepEqual([begun, most, under], [[1, 2, 3, 4, 5, 6, 7], 3, 0]);
});

test("the first failure, and a stop, begin no more", async () => {
  const begun: number[] = [];
  await assert.rejects(
    inTurns([1, 2, 3, 4, 5], 2, async (each) => {
      begun.push(each);
      await Promise.resolve();
      if (each === 2) throw new TypeError("no");
    }),
    TypeError,
  );
  const failed = begun.length;
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(begun.length, failed);
  assert.ok(failed < 5);

  const stopping = new AbortController();
  const before: number[] = [];
  await inTurns([1, 2, 3], 1, (each) => {
    before.push(each);
    stopping.abort();
    return Promise.resolve();
  }, stopping.signal);
  assert.deepEqual(before, [1]);
});
