import assert from "node:assert/strict";
import { test } from "node:test";

import { checkAccessToken } from "../src/oauth/check-access-token.ts";
import { firstFault, type ServerFacts } from "../src/oauth/checks.ts";
import { accessToken, FACTS, keyPair, type Members, NOW, segment } from "./forge.ts";

async function fault(text: string, facts: ServerFacts = FACTS) {
  return firstFault(await checkAccessToken(text, facts));
}

async function assertFault(text: string, name: string, said: RegExp, facts?: ServerFacts): Promise<void> {
  const found = await fault(text, facts);
  assert.equal(found?.name, name, JSON.stringify(found));
  assert.match(`${found.said} ${found.remedy}`, said);
  assert.ok(found.remedy);
}

test("a good token has no fault, and what only the server knows is said", async () => {
  const checks = await checkAccessToken(await accessToken({ patient: "4", identifier_systems: ["urn:x", "urn:y"], nbf: NOW }), FACTS);

  assert.equal(firstFault(checks), null);
  assert.deepEqual(
    checks.map((each) => each.name),
    ["form", "alg", "typ", "kid", "signature", "iss", "aud", "sub and client_id", "jti", "scope", "patient", "identifier_systems", "iat", "nbf", "exp", "age", "revoked"],
  );
  assert.deepEqual(checks.filter((each) => each.state !== "right").map((each) => [each.name, each.state]), [["revoked", "unseen"]]);
});

test("tokens.md: the compact serialization is read strictly", async () => {
  const token = await accessToken();
  const [head = "", body = "", signature = ""] = token.split(".");
  // The last character of 256 bytes carries four bits that are none.
  const next = String.fromCharCode(signature.charCodeAt(signature.length - 1) + 1);
  const stray = signature.slice(0, -1) + next;
  for (const [text, said] of [
    ["", /0 of the three parts/],
    ["nonsense", /1 of the three parts/],
    [`${head}.${body}`, /2 of the three parts/],
    [`${head}.${body}.`, /unsigned/],
    ["a.b.c.d.e", /encrypted/],
    [`${head}=.${body}.${signature}`, /padding/],
    [`${head}.${body}.${signature.replace(/.$/, "+")}`, /"\+"/],
    [`${head}.${body}.${stray}`, /not base64url/],
    [`${head}.${body}A.${signature}`, /claims/],
    [`${segment("text")}.${body}.${signature}`, /header is no JSON object/],
    [`${head}.${segment([])}.${signature}`, /claims is no JSON object/],
    [`${segment({ alg: "RS256", crit: ["x"] })}.${body}.${signature}`, /crit/],
    [`${segment({ alg: "RS256", b64: false })}.${body}.${signature}`, /b64/],
    [`${head}.${"a".repeat(9000)}.${signature}`, /8192/],
  ] as const) {
    await assertFault(text, "form", said);
  }
});

test("only RS256 and PS256, at+jwt and the server's own keys", async () => {
  const stranger = await keyPair("RS256", "server-key");
  const [, body = "", signature = ""] = (await accessToken()).split(".");
  await assertFault(`${segment({ alg: "none", typ: "at+jwt", kid: "server-key" })}.${body}.${signature}`, "alg", /It is none, and should be RS256 or PS256/);
  await assertFault(await accessToken({}, { alg: "RS512" }, (await keyPair("RS512", "x")).signs), "alg", /RS512/);
  await assertFault(await accessToken({}, { alg: "PS256" }, (await keyPair("PS256", "x")).signs), "signature", /has not signed/);
  await assertFault(await accessToken({}, { typ: "JWT" }), "typ", /client assertion goes to \/token/);
  await assertFault(await accessToken({}, { typ: undefined }), "typ", /missing, and should be at\+jwt/);
  await assertFault(await accessToken({}, { kid: undefined }), "kid", /does not name/);
  await assertFault(await accessToken({}, { kid: "old" }), "kid", /old is none of the keys: server-key.*earlier run/);
  await assertFault(await accessToken({ iss: "https://other.example" }, { kid: "old" }), "kid", /another server, https:\/\/other.example/);
  await assertFault(await accessToken({}, {}, stranger.signs), "signature", /has not signed/);
});

test("a token that is signed by PS256 is as good, by a key without alg", async () => {
  const { signs, jwk } = await keyPair("PS256", "server-key");

  assert.equal(await fault(await accessToken({}, { alg: "PS256" }, signs), { ...FACTS, keys: [jwk] }), null);
});

test("what was changed after signing is told by the signature", async () => {
  const [head, , signature] = (await accessToken()).split(".");
  const [, other] = (await accessToken({ scope: "system/*.cruds" })).split(".");

  await assertFault(`${head}.${other}.${signature}`, "signature", /changed after it was signed/);
});

test("issuer and audience are this server's, byte for byte", async () => {
  for (const iss of ["https://other.example", `${FACTS.issuer}/`, 1, null, undefined]) await assertFault(await accessToken({ iss }), "iss", /issued by/);
  for (const aud of ["client-1", `${FACTS.fhirBase}/`, [FACTS.fhirBase], null, undefined]) await assertFault(await accessToken({ aud }), "aud", /FHIR base/);
});

test("every claim of RFC 9068 is there, and a text where it should be", async () => {
  for (const [claims, name] of [
    [{ sub: undefined }, "sub and client_id"],
    [{ client_id: 1 }, "sub and client_id"],
    [{ sub: "other" }, "sub and client_id"],
    [{ jti: undefined }, "jti"],
    [{ jti: "" }, "jti"],
    [{ scope: undefined }, "scope"],
    [{ scope: ["profile"] }, "scope"],
    [{ patient: 4 }, "patient"],
    [{ patient: null }, "patient"],
    [{ identifier_systems: "urn:x" }, "identifier_systems"],
    [{ identifier_systems: ["urn:x urn:y"] }, "identifier_systems"],
    [{ identifier_systems: null }, "identifier_systems"],
  ] as readonly (readonly [Members, string])[]) {
    await assertFault(await accessToken(claims), name, /./);
  }
});

test("times are numbers of seconds, and the server's clock judges them", async () => {
  for (const [claims, name, said] of [
    [{ iat: undefined }, "iat", /no iat/],
    [{ iat: "1790000000" }, "iat", /without quotation marks/],
    [{ iat: NOW + 61 }, "iat", /61 seconds ahead/],
    [{ nbf: NOW + 120 }, "nbf", /2 minutes ahead/],
    [{ nbf: null }, "nbf", /no nbf/],
    [{ exp: undefined }, "exp", /no exp/],
    [{ exp: true }, "exp", /not a number/],
    [{ exp: NOW * 1000 }, "exp", /milliseconds/],
    [{ exp: NOW }, "exp", /expired 0 seconds ago/],
    [{ iat: NOW - 7200, exp: NOW - 3600 }, "exp", /expired 1 hour ago/],
    [{ iat: NOW - 5401 }, "age", /90 minutes/],
  ] as const) {
    await assertFault(await accessToken(claims), name, said);
  }
  for (const claims of [{ iat: NOW + 60 }, { iat: NOW - 5400 }, { exp: NOW + 1 }]) assert.equal(await fault(await accessToken(claims)), null);
});

test("a clock that goes wrong here is told where it may be the cause", async () => {
  await assertFault(await accessToken({ iat: NOW + 180 }), "iat", /This machine's clock is 3 minutes ahead of the server's/, { ...FACTS, ahead: 180 });
});

test("scopes that open nothing are no fault, and said", async () => {
  const scope = (await checkAccessToken(await accessToken({ scope: "openid" }), FACTS)).find((each) => each.name === "scope");

  assert.equal(scope?.state, "right");
  assert.match(scope.said, /opens no type: openid/);
});

test("bound-tokens.md: a token is bound to one key or to none, and goes by the scheme for that", async () => {
  const bound = await checkAccessToken(await accessToken({ cnf: { jkt: "a" } }), FACTS);
  assert.equal(firstFault(bound), null);
  assert.match(bound.find((each) => each.name === "cnf")?.said ?? "", /as DPoP.*As Bearer it is refused/);
  assert.equal((await checkAccessToken(await accessToken(), FACTS)).some((each) => each.name === "cnf"), false);
  for (const cnf of [null, "a", ["a"], {}, { jkt: "" }, { jkt: 1 }, { jkt: "a", "x5t#S256": "b" }, { "x5t#S256": "b" }]) {
    await assertFault(await accessToken({ cnf }), "cnf", /is not the thumbprint/);
  }
});
