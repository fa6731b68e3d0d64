import assert from "node:assert/strict";
import { test } from "node:test";

import { type Access, accessOf, type AuditEntity, type AuditEvent, deedText, isMasked, outcomeText } from "../src/fhir/audit-event.ts";
import { membersOf } from "../src/fhir/elements.ts";
import { disclosuresOf, inOrder } from "../src/fhir/visits.ts";
import { accessDays } from "../src/rooms/record/access-days.ts";
import { accessPlanOf } from "../src/rooms/record/record-plan.ts";

const OF_PATIENT: AuditEntity = { reference: { reference: "Patient/4" }, role: { code: "1" } };

function resource(reference: string): AuditEntity {
  return { reference: { reference }, role: { code: "4" } };
}

function query(text: string): AuditEntity {
  return { role: { code: "24" }, query: Buffer.from(text, "utf-8").toString("base64") };
}

function seen(code: string, entity: readonly AuditEntity[], more: Partial<AuditEvent> = {}): Access {
  return accessOf({
    resourceType: "AuditEvent",
    id: "0193671f2c00-a",
    subtype: [{ code }],
    recorded: "2026-11-26T07:30:00.123Z",
    outcome: "0",
    agent: [{ userId: { value: "explorer" } }],
    entity,
    ...more,
  });
}

function told(code: string, entity: readonly AuditEntity[], more: Partial<AuditEvent> = {}): string {
  return seen(code, entity, more).sentence;
}

test("a read is told with what was read, when and by which client", () => {
  assert.deepEqual(seen("read", [OF_PATIENT, resource("Observation/1"), { role: { code: "24" } }]), {
    id: "0193671f2c00-a",
    at: "2026-11-26T07:30:00.123Z",
    who: "explorer",
    clientId: "explorer",
    sentence: "explorer read an observation",
    deed: { verb: "read", object: "an observation" },
    outcome: "allowed",
    request: "Observation/1",
  });
  assert.equal(told("read", [OF_PATIENT]), "explorer read the patient’s details");
  assert.equal(told("vread", [OF_PATIENT, resource("Patient/4/_history/2")]), "explorer read an earlier version of the patient’s details");
  assert.equal(seen("vread", [OF_PATIENT, resource("Patient/4/_history/2")]).request, "Patient/4/_history/2");
});

test("a client is told by its name, else by its id, else as not known", () => {
  const by = (agent: AuditEvent["agent"] & object) => told("operation", [OF_PATIENT], { agent });
  assert.equal(by([{ userId: { value: "client-7" }, name: "Ward app: the nurses’" }]), "Ward app read the whole record");
  assert.equal(by([{ userId: { value: "client-7" } }]), "client-7 read the whole record");
  assert.equal(by([]), "A client that is not known read the whole record");
  assert.equal(seen("operation", [OF_PATIENT]).request, "");
});

test("a search is told by what it looks for, and its request as it was typed", () => {
  const plain = seen("search-type", [OF_PATIENT, query("Observation?patient=4&code=http://loinc.org|29463-7&_sort=-date")]);
  assert.equal(plain.sentence, "explorer read the record’s observations");
  assert.equal(plain.request, "Observation?patient=4&code=http://loinc.org|29463-7&_sort=-date");
  assert.equal(isMasked(plain), false);
  const sentences = [
    ["Patient/4/Observation?code=1", "explorer read the record’s observations"],
    ["Condition?patient=4&_summary=count", "explorer counted the record’s problems"],
    ["Patient?birthdate=***", "explorer found this patient in a search"],
    ["AuditEvent?patient=4", "explorer read the list of its accesses"],
    ["Device?patient=4", "explorer read Device resources"],
  ] as const;
  for (const [asked, sentence] of sentences) assert.equal(told("search-type", [query(asked)]), sentence);
});

test("a personal value is not shown, and neither is a cursor or another token of the server's", () => {
  const personal = seen("search-type", [query("Patient?name=***&birthdate=***")]);
  assert.equal(personal.request, "Patient?name=***&birthdate=***");
  assert.equal(isMasked(personal), true);
  const cursor = "8Ip5P6H8tOEQbgXJudUmrQniKTb-qVr273dMvy7vwJcF8L-tHRAvxNKNi9MOkbsjB7sNWvAybgr7_QnZ";
  const request = (text: string) => seen("search-type", [query(text)]).request;
  assert.equal(request(`Observation?patient=4&_count=2&_cursor=${cursor}`), "Observation?patient=4&_count=2");
  assert.equal(request(`Observation?page=${cursor}`), "Observation");
  assert.equal(request("Organization?name:contains=Caf%C3%A9%20%22x%22"), 'Organization?name:contains=Café "x"');
  // What is no UTF-8 is shown as it was recorded.
  assert.equal(request("Condition?code=%E9%3C"), "Condition?code=%E9%3C");
});

test("writes are told by what they did", () => {
  const sentences = ["create", "update", "patch", "delete", "history-instance", "unheard-of"].map((each) => told(each, [resource("Condition/1/_history/2")]));
  assert.deepEqual(sentences, [
    "explorer added a problem",
    "explorer changed a problem",
    "explorer changed a part of a problem",
    "explorer deleted a problem",
    "explorer read all versions of a problem",
    "explorer unheard-of a problem",
  ]);
});

test("audit.md: a write that made no version is not told as one", () => {
  const match = [OF_PATIENT, query("Patient?identifier=***")];
  assert.equal(told("create", match), "explorer found, and did not add, the patient’s details");
  assert.equal(told("create", [...match, resource("Patient/4/_history/1")]), "explorer added the patient’s details");
  const unchanged = ["update", "patch"].map((each) => told(each, [OF_PATIENT, resource("Condition/1")]));
  assert.deepEqual(unchanged, Array(2).fill("explorer found, and did not change, a problem"));
  const refused = told("create", match, { outcome: "4", outcomeDesc: "scope" });
  assert.equal(refused, "explorer was refused: the patient’s details (no scope for it)");
});

test("audit.md: a refusal says why, in words, and a cause without any in its own", () => {
  const refused = (outcomeDesc: string) => told("search-type", [query("MedicationStatement?patient=4")], { outcome: "4", outcomeDesc });
  assert.equal(refused("scope"), "explorer was refused: the record’s medication (no scope for it)");
  for (const each of ["compartment", "token", "not found", "deleted", "bad request", "conflict", "throttled", "front"]) {
    assert.ok(!refused(each).includes(`(${each})`), each);
  }
  assert.match(refused("client authentication"), /\(client authentication\)$/);
  const failed = told("operation", [OF_PATIENT], { outcome: "8", outcomeDesc: "error" });
  assert.equal(failed, "explorer asked for the whole record, which failed (the server had an error)");
});

test("an event that says nothing is told as far as it goes", () => {
  assert.deepEqual(accessOf({ resourceType: "AuditEvent" }), {
    id: "", at: "", who: "", clientId: "", outcome: "not known", request: "",
    sentence: "A client that is not known did something that is not recorded",
    deed: { verb: "did something that is not recorded", object: "" },
  });
});

test("what is not a read by itself is told apart from one", () => {
  const everything = { source: { identifier: { value: "fhir_reader" } } };
  assert.equal(told("operation", [OF_PATIENT], everything), "explorer read the whole record");
  const validated = { source: { identifier: { value: "record_writer" } } };
  assert.equal(told("operation", [OF_PATIENT, query("Condition")], validated), "explorer validated a problem");
  assert.equal(told("transaction", [OF_PATIENT, resource("Condition/1/_history/1"), resource("Goal/2/_history/1")]), "explorer wrote a problem and a goal");
  // An id may look like a type.
  assert.equal(told("read", [OF_PATIENT, resource("Observation/ABC")]), "explorer read an observation");
  assert.equal(told("load", [OF_PATIENT], { source: { identifier: { value: "cli" } } }), "explorer ran the command “load”");
});

test("a bulk export is told by whether it was asked for, or holds data of the record", () => {
  const by = (value: string) => ({ source: { identifier: { value } } });
  const asked = [OF_PATIENT, query("Patient/$export?_type=Goal")];
  assert.equal(told("operation", asked, by("export_keeper")), "explorer asked for a bulk export of the record");
  assert.equal(told("operation", asked, { ...by("export_keeper"), outcome: "4", outcomeDesc: "throttled" }), "explorer was refused: a bulk export of the record (too many requests)");
  assert.equal(told("operation", asked, by("export_worker")), "explorer exported data of the record in bulk");
  assert.equal(seen("operation", asked, by("export_worker")).request, "Patient/$export?_type=Goal");
});

test("what a client asked of the token issuer is in words", () => {
  const asked = (code: string, more: Partial<AuditEvent> = {}) => deedText({ resourceType: "AuditEvent", outcome: "0", subtype: [{ code }], source: { identifier: { value: "token_issuer" } }, ...more });
  assert.deepEqual(["110122", "110123", "introspect"].map((code) => asked(code)), ["got a token", "revoked a token", "introspected a token"]);
  assert.equal(asked("110122", { outcome: "4" }), "was refused: a token");
});

test("an event's codes are in words where its elements are shown", () => {
  const event = {
    resourceType: "AuditEvent", action: "E", outcome: "4", outcomeDesc: "scope", subtype: [{ code: "operation", display: "operation" }], entity: [OF_PATIENT],
  };
  const shown = Object.fromEntries(membersOf(event).map(({ label, values }) => [label, values.map(({ text }) => text)]));
  assert.deepEqual([shown["Action"], shown["Outcome"], shown["Subtype"]], [["execute"], ["refused"], ["was refused: the whole record (no scope for it)"]]);
  assert.equal(outcomeText(event), "refused (no scope for it)");
  assert.equal(outcomeText({ resourceType: "AuditEvent", outcome: "0" }), "allowed");
  assert.deepEqual(membersOf({ resourceType: "AuditEvent" }), []);
  assert.equal(deedText({ resourceType: "AuditEvent" }), "");
});

test("one look at a record is one entry of its day, whatever number of requests it takes", () => {
  const at = (recorded: string, code = "read", more: Partial<AuditEvent> = {}): AuditEvent => ({
    resourceType: "AuditEvent", id: recorded, recorded, outcome: "0", subtype: [{ code }], entity: [OF_PATIENT],
    agent: [{ userId: { value: "client-7" }, name: "Explorer: reads everything" }], ...more,
  });
  const now = Date.parse("2026-11-28T10:00:00Z");
  const refused = { outcome: "4", outcomeDesc: "scope" };
  const days = accessDays(
    inOrder(disclosuresOf([
      at("2026-11-28T09:30:00Z", "operation"), at("2026-11-28T09:29:00Z", "read", refused), at("2026-11-28T09:20:00Z"), at("2026-11-28T09:19:00Z", "operation"),
      at("2026-11-28T09:19:00Z", "vread"), at("2026-11-28T08:02:00Z"), at("2026-11-27T14:02:00Z"), at("2026-06-05T23:30:00Z"), at(""),
    ])),
    now,
  );
  assert.deepEqual(days.map(({ title, entries }) => [title, entries.map((each) => each.text)]), [
    ["Today", [
      "Explorer read the whole record and the patient’s details; read an earlier version of the patient’s details, 09:19 to 09:30 (4 requests)",
      "Explorer was refused: the patient’s details (no scope for it), 09:29",
      "Explorer read the patient’s details, 08:02",
    ]],
    ["Yesterday", ["Explorer read the patient’s details, 14:02"]],
    ["Saturday 6 June 2026", ["Explorer read the patient’s details, 00:30"]],
    ["Without a date", ["Explorer read the patient’s details"]],
  ]);
  assert.equal(days[0]?.entries[0]?.accesses[0]?.id, "2026-11-28T09:30:00Z");
});

test("who has seen a record is asked by a scope that names it, or closed with one that would", () => {
  const plan = (scope: string, bound?: string) => {
    const { portions, closed } = accessPlanOf("4", scope, bound);
    return [...portions.map((each) => each.query), ...closed.values()];
  };
  const asked = ["AuditEvent?patient=4&_count=20"];
  assert.deepEqual(plan("system/AuditEvent.read"), asked);
  assert.deepEqual(plan("system/*.read user/AuditEvent.s"), asked);
  assert.deepEqual(plan("patient/AuditEvent.read", "4"), asked);
  assert.deepEqual(plan("system/*.read profile"), ["system/AuditEvent.read"]);
  assert.deepEqual(plan("patient/AuditEvent.read"), ["user/AuditEvent.read"]);
  assert.deepEqual(plan("patient/*.read", "4"), ["patient/AuditEvent.read"]);
  assert.deepEqual(plan("system/AuditEvent.r"), ["system/AuditEvent.s"]);
  assert.deepEqual(accessPlanOf("a/b", "system/AuditEvent.rs", undefined).portions[0]?.query, "AuditEvent?patient=a%2Fb&_count=20");
});
