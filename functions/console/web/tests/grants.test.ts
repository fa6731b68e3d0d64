import assert from "node:assert/strict";
import { test } from "node:test";

import { grantOf, grantsOf, lettersOf, limitLines, scopeFor, SERVED_TYPES } from "../src/oauth/grants.ts";

// What every scope opens is held to the server's answer by `tests/unit/console/test_scope_rules.py`.

test("every type is answered for, whatever is open", () => {
  for (const scope of ["", "user/Condition.rs", "constructor user/constructor.read user/Patient.constructor"]) {
    assert.deepEqual(grantsOf(scope).map((each) => each.type), SERVED_TYPES);
  }
});

test("the letters of a type are those of all scopes together, and of no type none", () => {
  assert.deepEqual([...lettersOf("patient/Condition.r  system/Condition.s openid", "Condition")], ["r", "s"]);
  assert.deepEqual([...lettersOf("user/*.cruds", "Appointment")], []);
});

test("what scopes with a suffix open alone is limited, in words a line for each condition", () => {
  const lines = (scope: string, type: string) => limitLines(grantOf(scope, type));

  assert.deepEqual(lines("user/Observation.rs?category=laboratory", "Observation"), ["read, search only where category is laboratory"]);
  assert.deepEqual(lines("user/Observation.cruds?category=a user/Observation.s?status=final&code=http://loinc.org|4548-4 user/*.c", "Observation"), [
    "read, update, delete only where category is a",
    "search only where category is a, or status is final and code is http://loinc.org|4548-4",
  ]);
  assert.deepEqual(lines("user/Observation.rs?category=a user/Observation.read", "Observation"), []);
  assert.deepEqual([...lettersOf("user/MedicationRequest.rs?status=active", "Medication")], ["r", "s"]);
  assert.deepEqual(lines("user/MedicationRequest.rs?status=active", "Medication"), []);
});

test("a type that is not served has a scope at the token's level", () => {
  assert.equal(scopeFor("patient/*.read", "Appointment", "s"), "patient/Appointment.s");
  assert.equal(scopeFor("profile", "Appointment", "s"), "user/Appointment.s");
});
