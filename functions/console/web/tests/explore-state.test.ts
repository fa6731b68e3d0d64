import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyForm } from "../src/rooms/explore/criteria.ts";
import { formOf, foundOf, keepCall, keepForm, keepFound, lastCalls } from "../src/rooms/explore/state.ts";
import { begin, end } from "../src/service/session.ts";

const PATIENT = { type: "Patient", searchParam: [{ name: "name", type: "string" as const }] };
const CALL = { url: "https://x/Patient/_search", body: "name=a" };
const FOUND = { queries: ["Patient"], page: { resourceType: "Bundle" as const, type: "searchset" } };

/** Has a session of a client's, with a token that nobody has signed. */
function signIn(client: string, scope = "user/*.rs"): void {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const token = [part({ alg: "ES256" }), part({ client_id: client, scope, exp: 2_000_000_000 + Math.random() }), "x"].join(".");
  begin(token, scope, null);
}

function fill() {
  const form = { ...emptyForm(PATIENT.searchParam), count: "5" };
  keepForm("Patient", form);
  keepFound("Patient", FOUND);
  keepCall("Patient", CALL);
  return form;
}

test("a form that nothing was typed in is the same whenever it is drawn", () => {
  assert.equal(formOf(PATIENT), formOf(PATIENT));
});

test("a new token of the same client and scope leaves what was typed and found", () => {
  signIn("a");
  const form = fill();
  signIn("a");
  assert.deepEqual([formOf(PATIENT), foundOf("Patient"), lastCalls.value["Patient"]], [form, FOUND, CALL]);
});

test("another client's token leaves what was typed alone", () => {
  signIn("a");
  const form = fill();
  signIn("b");
  assert.deepEqual([formOf(PATIENT), foundOf("Patient"), lastCalls.value], [form, null, {}]);
  fill();
  signIn("b", "user/Patient.rs");
  assert.equal(foundOf("Patient"), null);
});

test("what was typed without a token is there once there is one, and signing out forgets all", () => {
  end();
  const form = fill();
  signIn("a");
  assert.equal(formOf(PATIENT), form);
  end();
  assert.notEqual(formOf(PATIENT), form);
  assert.deepEqual([foundOf("Patient"), lastCalls.value], [null, {}]);
});

test("a form that is emptied begins anew, and no other type's", () => {
  const form = fill();
  keepForm("Condition", form);
  keepForm("Patient", null);
  assert.deepEqual([formOf(PATIENT).count, formOf({ type: "Condition" })], ["", form]);
});
