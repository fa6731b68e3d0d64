import assert from "node:assert/strict";
import { test } from "node:test";

import { type Access, accessOf, type AuditEntity, type AuditEvent, isMasked } from "../src/fhir/audit-event.ts";
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

test("a read is told with what was read, when and by whom", () => {
  assert.deepEqual(seen("read", [OF_PATIENT, resource("Observation/1"), { role: { code: "24" } }]), {
    id: "0193671f2c00-a",
    at: "2026-11-26T07:30:00.123Z",
    who: "explorer",
    deed: "read",
    what: "Observation/1",
    outcome: "allowed",
    why: "",
  });
  assert.equal(seen("read", [OF_PATIENT]).what, "Patient/4");
  assert.equal(seen("vread", [OF_PATIENT, resource("Patient/4/_history/2")]).what, "Patient/4/_history/2");
});

test("the whole record needs no more words", () => {
  const { deed, what } = seen("operation", [OF_PATIENT]);
  assert.deepEqual([deed, what], ["read the whole record", ""]);
});

test("a search is told as it was typed, and a personal value is not shown", () => {
  const plain = seen("search-type", [OF_PATIENT, query("Observation?patient=4&code=http://loinc.org|29463-7&_sort=-date")]);
  assert.deepEqual([plain.deed, plain.what], ["search", "Observation?patient=4&code=http://loinc.org|29463-7&_sort=-date"]);
  assert.equal(isMasked(plain), false);
  const personal = seen("search-type", [query("Patient?name=***&birthdate=***")]);
  assert.equal(personal.what, "Patient?name=***&birthdate=***");
  assert.equal(isMasked(personal), true);
  assert.equal(seen("search-type", [query("Organization?name:contains=Caf%C3%A9%20%22x%22")]).what, 'Organization?name:contains=Café "x"');
});

test("what is no UTF-8 is shown as it was recorded", () => {
  assert.equal(seen("search-type", [query("Condition?code=%E9%3C")]).what, "Condition?code=%E9%3C");
});

test("writes are told by what they were to do", () => {
  const told = ["create", "update", "patch", "delete", "history-instance", "unheard-of"].map((each) => seen(each, [resource("Condition/1")]).deed);
  assert.deepEqual(told, ["create", "change", "change a part of", "delete", "read all versions of", "unheard-of"]);
});

test("audit.md: what was refused says why, in words, and what has none in its own", () => {
  const refused = (outcomeDesc: string) => seen("read", [OF_PATIENT], { outcome: "4", outcomeDesc });
  assert.deepEqual([refused("scope").outcome, refused("scope").why], ["refused", "the token does not open it"]);
  for (const each of ["compartment", "token", "not found", "deleted", "bad request", "conflict", "throttled", "front"]) {
    assert.notEqual(refused(each).why, each);
  }
  assert.equal(refused("client authentication").why, "client authentication");
  const failed = seen("read", [OF_PATIENT], { outcome: "8", outcomeDesc: "error" });
  assert.deepEqual([failed.outcome, failed.why], ["failed", "the server had an error of its own"]);
});

test("an event that says nothing is told as far as it goes", () => {
  assert.deepEqual(accessOf({ resourceType: "AuditEvent" }), {
    id: "", at: "", who: "", deed: "", what: "", outcome: "not known", why: "",
  });
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
