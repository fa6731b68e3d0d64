import assert from "node:assert/strict";
import { test } from "node:test";

import { decodeAccessToken, meaningOf, readable, TokenError } from "../src/oauth/access-token.ts";

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

test("a token is read into header and claims", () => {
  const text = `${encoded({ alg: "RS256", typ: "at+jwt" })}.${encoded({ exp: 1, scope: "profile" })}.c2ln`;

  const token = decodeAccessToken(text);

  assert.equal(token.text, text);
  assert.deepEqual(token.header, { alg: "RS256", typ: "at+jwt" });
  assert.equal(token.claims.scope, "profile");
});

test("what is no token is told to be none", () => {
  const another = [{ scope: "profile" }, { exp: 1 }].map((claims) => `${encoded({ alg: "RS256" })}.${encoded(claims)}.c2ln`);
  for (const text of ["", "a.b", ...another]) {
    assert.throws(() => decodeAccessToken(text), TokenError);
  }
});

test("times are read as times, and every claim of the service is explained", () => {
  assert.match(readable("exp", 1_790_000_000), /2026.*\(1790000000\)/);
  assert.equal(readable("scope", "profile"), "profile");
  assert.equal(readable("x", { a: 1 }), '{"a":1}');
  for (const claim of ["iss", "sub", "client_id", "aud", "iat", "exp", "jti", "scope", "patient"]) assert.ok(meaningOf(claim));
  assert.equal(meaningOf("x"), "");
});
