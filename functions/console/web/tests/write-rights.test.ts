import assert from "node:assert/strict";
import { test } from "node:test";

import { SERVED_TYPES } from "../src/oauth/grants.ts";
import { closedReasons, rightsOf } from "../src/rooms/write/rights.ts";

function rights(type: string, scope: string, patient?: string) {
  const found = rightsOf(scope, patient).find((each) => each.type.name === type);
  assert.ok(found);
  const { mayRead, mayCreate, mayUpdate, mayDelete, closed } = found;
  return { may: [mayRead && "r", mayCreate && "c", mayUpdate && "u", mayDelete && "d"].filter(Boolean).join(""), closed };
}

test("all that is written is named, whatever the token opens", () => {
  assert.deepEqual(rightsOf("", undefined).map(({ type }) => type.name), SERVED_TYPES.filter(({ writable }) => writable).map(({ name }) => name));
});

test("a write scope opens writing and no reading", () => {
  assert.deepEqual(rights("Patient", "patient/Patient.write"), { may: "cud", closed: "" });
  assert.deepEqual(rights("Patient", "system/*.cruds"), { may: "rcud", closed: "" });
});

test("what is closed names the scope that is missing", () => {
  assert.deepEqual(rights("Condition", "user/Patient.cruds profile"), { may: "", closed: "Writing takes a scope such as user/Condition.write." });
  assert.deepEqual(rights("Condition", "user/Condition.cr"), {
    may: "rc",
    closed: "Changing takes user/Condition.u, deleting takes user/Condition.d.",
  });
});

test("write.md: a token of one patient's writes in that record only", () => {
  assert.deepEqual(rights("Observation", "patient/*.cruds", "4"), { may: "rcud", closed: "" });
  assert.deepEqual(rights("Patient", "patient/*.cruds", "4"), {
    may: "ru",
    closed: "Creating and deleting a patient is closed to a token that is bound to one.",
  });
  for (const type of ["Medication", "Organization"]) {
    assert.deepEqual(rights(type, "patient/*.cruds", "4"), { may: "r", closed: "It is no part of the one patient's record that the token is bound to." });
  }
});

test("what is not created is said once for all types", () => {
  const reasons = (scope: string, patient?: string) => closedReasons(rightsOf(scope, patient), patient);
  assert.deepEqual(reasons("system/*.cruds"), []);
  assert.deepEqual(reasons("system/*.read"), ["This token only reads; it needs system/Observation.c."]);
  assert.deepEqual(reasons(""), ["This token writes nothing; it needs user/Observation.c."]);
  const [only, ...others] = reasons("user/Observation.write user/Condition.write");
  assert.match(only ?? "", /^This token does not create Patient, Encounter, .+: that takes a scope such as user\/Patient\.c\.$/);
  assert.deepEqual(others, []);
  assert.match(reasons("patient/*.cruds", "4").join(" "), /^Bound to one patient, it creates no Patient, Medication, Organization, .+\.$/);
});

test("write.md, Conditions: created once only by who may search, and is not bound", () => {
  const once = (scope: string, patient?: string) => rightsOf(scope, patient).find(({ type }) => type.name === "Observation")?.mayCreateOnce;
  assert.deepEqual([once("user/Observation.cs"), once("user/Observation.cr"), once("patient/*.cruds", "4")], [true, false, false]);
});

test("what a suffix limits is told, and a condition takes both letters without one", () => {
  const suffix = "?category=http://hl7.org/fhir/observation-category|laboratory";
  assert.deepEqual(rights("Observation", `user/Observation.crus${suffix}`), {
    may: "rcu",
    closed: "Deleting takes user/Observation.d. Read, search, create, update only where category is http://hl7.org/fhir/observation-category|laboratory.",
  });
  const once = (scope: string) => rightsOf(scope, undefined).find((each) => each.type.name === "Observation")?.mayCreateOnce;
  assert.deepEqual([once("user/Observation.crs"), once(`user/Observation.cr user/Observation.s${suffix}`), once(`user/Observation.s user/Observation.c${suffix}`)], [true, false, false]);
});
