import assert from "node:assert/strict";
import { test } from "node:test";

import { grantsOf, lettersOf, scopeFor, SERVED_TYPES } from "../src/oauth/grants.ts";

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

test("a type that is not served has a scope at the token's level", () => {
  assert.equal(scopeFor("patient/*.read", "Appointment", "s"), "patient/Appointment.s");
  assert.equal(scopeFor("profile", "Appointment", "s"), "user/Appointment.s");
});
