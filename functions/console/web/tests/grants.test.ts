import assert from "node:assert/strict";
import { test } from "node:test";

import { grantsOf, plainScopes } from "../src/oauth/grants.ts";

function opened(scope: string): Readonly<Record<string, string>> {
  return Object.fromEntries(
    grantsOf(scope)
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

test("a wildcard opens every type", () => {
  assert.equal(Object.keys(opened("system/*.rs")).length, grantsOf("").length);
  assert.ok(Object.values(opened("system/*.cruds")).every((letters) => letters === "cruds"));
});

test("what is no scope of the grammar opens nothing", () => {
  for (const scope of ["", "user/Patient", "user/Patient.", "user/Patient.sr", "User/Patient.read", "user/Patient.rs?x=1", "openid"]) {
    assert.deepEqual(opened(scope), {}, scope);
  }
  assert.deepEqual(plainScopes("profile user/Patient.read  openid"), ["profile", "openid"]);
});
