import assert from "node:assert/strict";
import { test } from "node:test";

import { grantsOf, plainScopes, scopeFor } from "../src/oauth/grants.ts";

function opened(scope: string, patient = ""): Readonly<Record<string, string>> {
  return Object.fromEntries(
    grantsOf(scope, patient)
      .filter((each) => each.letters.size)
      .map((each) => [each.type.name, "cruds".split("").filter((letter) => each.letters.has(letter as "c")).join("")]),
  );
}

test("access.md: v1's words are v2's letters", () => {
  assert.deepEqual(opened("user/Condition.read"), { Condition: "rs" });
  assert.deepEqual(opened("user/Condition.write"), { Condition: "cud" });
  assert.deepEqual(opened("user/Condition.*"), { Condition: "cruds" });
  assert.deepEqual(opened("patient/Condition.r system/Condition.s"), { Condition: "rs" });
});

test("access.md: profile opens the directory for reading, and nothing else", () => {
  assert.deepEqual(opened("profile"), {
    Organization: "rs",
    Location: "rs",
    Practitioner: "rs",
    PractitionerRole: "rs",
    HealthcareService: "rs",
  });
});

test("access.md: former names mean MedicationRequest, and any medication scope reads Medication", () => {
  for (const name of ["MedicationOrder", "MedicationPrescription", "MedicationRequest"]) {
    assert.deepEqual(opened(`user/${name}.cruds`), { MedicationRequest: "cruds", Medication: "rs" });
  }
  assert.deepEqual(opened("user/Medication.write"), { Medication: "cud" });
});

test("a wildcard opens every type but the access record", () => {
  const types = grantsOf("").map((each) => each.type.name);
  assert.deepEqual(types.filter((each) => !(each in opened("system/*.rs"))), ["AuditEvent"]);
  assert.ok(Object.values(opened("system/*.cruds")).every((letters) => letters === "cruds"));
});

test("audit.md: the access record opens by its name, at the level patient to a token that is bound to one", () => {
  assert.deepEqual(opened("system/AuditEvent.read"), { AuditEvent: "rs" });
  assert.deepEqual(opened("user/AuditEvent.s"), { AuditEvent: "s" });
  assert.deepEqual(opened("patient/AuditEvent.read"), {});
  assert.deepEqual(opened("patient/AuditEvent.read", "4"), { AuditEvent: "rs" });
  for (const scope of ["system/AuditEvent.write", "system/AuditEvent.*", "system/AuditEvent.cruds", "system/*.*", "patient/*.read"]) {
    for (const patient of ["", "4"]) assert.equal(opened(scope, patient)["AuditEvent"], undefined, scope);
  }
});

test("the scope that is missing is one that would open it", () => {
  assert.equal(scopeFor("patient/*.read", "Condition", "s"), "patient/Condition.s");
  assert.equal(scopeFor("patient/*.read", "AuditEvent", "s"), "user/AuditEvent.s");
  assert.equal(scopeFor("patient/*.read", "AuditEvent", "s", "4"), "patient/AuditEvent.s");
  assert.equal(scopeFor("patient/Patient.r system/*.read", "AuditEvent", "rs"), "system/AuditEvent.rs");
  assert.equal(scopeFor("patient/*.read", "Appointment", "s"), "patient/Appointment.s");
});

test("what is no scope of the grammar opens nothing", () => {
  for (const scope of ["", "user/Patient", "user/Patient.", "user/Patient.sr", "User/Patient.read", "user/Patient.rs?x=1", "openid"]) {
    assert.deepEqual(opened(scope), {}, scope);
  }
  assert.deepEqual(plainScopes("profile user/Patient.read  openid"), ["profile", "openid"]);
});
