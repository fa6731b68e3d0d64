import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import type { Credential } from "../src/oauth/credential.ts";
import { begin, end, endOf, expire, noteRevocation, session } from "../src/service/session.ts";

const EXPIRY = 2_000_000_000;

/** Has a session with a token that nobody has signed, and returns it. */
function started(claims: object, knownName?: string, credential: Credential | null = null) {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const all = { client_id: "client-7", scope: "user/*.rs", exp: EXPIRY, ...claims };
  begin([part({ alg: "ES256" }), part(all), "x"].join("."), "user/*.rs", credential, knownName);
  assert.ok(session.value);
  return session.value;
}

afterEach(end);

test("a client is called by its token's name, else by the one that is known, else by its id", () => {
  assert.equal(started({ client_name: "Ward app" }, "Demo").clientName, "Ward app");
  assert.equal(started({}, "Explorer: reads everything").clientName, "Explorer");
  assert.equal(started({}).clientName, "client-7");
  assert.equal(started({ client_name: { no: "name" } }).clientName, "client-7");
});

test("a session ends with its token's time, and once the token is revoked", () => {
  const one = started({});
  assert.equal(endOf(one, (EXPIRY - 1) * 1000), null);
  assert.equal(endOf(one, EXPIRY * 1000), "expired");
  noteRevocation(one);
  assert.ok(session.value);
  assert.equal(endOf(session.value, (EXPIRY - 1) * 1000), "revoked");
});

test("a revocation that is answered late ends no other session", () => {
  const former = started({});
  started({ jti: "another" });
  noteRevocation(former);
  assert.equal(session.value?.isRevoked, false);
});

test("what has expired keeps neither secret nor key, stays so by any clock, and ends no other session", () => {
  const former = started({}, "", { kind: "secret", clientId: "client-7", secret: "s" });
  expire(former);
  assert.deepEqual(session.value, { ...former, credential: null, hasExpired: true });
  assert.equal(endOf(session.value, 0), "expired");
  assert.equal(session.value.provenBy, "secret");
  const later = started({ jti: "another" });
  expire(former);
  assert.equal(session.value, later);
});
