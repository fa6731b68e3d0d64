import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";

import { clockWords, inWords } from "../src/oauth/checks.ts";
import { EXPLAINED, isSecret, recognised } from "../src/oauth/pasted.ts";
import { requestIn } from "../src/oauth/pasted-request.ts";
import { KeyError, privateKeyOf } from "../src/oauth/private-key.ts";
import { registeredKeys } from "../src/oauth/registered-keys.ts";
import { accessToken, assertion, CLIENT, FACTS, segment, SERVER } from "./forge.ts";
import { forgedProof } from "./proof-forge.ts";

const TOKEN = await accessToken();
const ASSERTION = await assertion();

test("a token is recognised by what it says, faulty ones too", async () => {
  for (const [text, kind] of [
    [TOKEN, "access token"],
    [await accessToken({ scope: undefined, client_id: undefined }), "access token"],
    [await accessToken({}, { typ: "JWT" }), "access token"],
    // The sample of the reference implementation's page: neither scope nor sub.
    [`${segment({ alg: "RS256" })}.${segment({ aud: "413c1fcb", iss: "http://purple.testlab.nhs.uk:20080/", exp: 1, iat: 1, jti: "x" })}.c2ln`, "access token"],
    ["a.b.c", "access token"],
    [TOKEN.slice(0, TOKEN.lastIndexOf(".")), "access token"],
    [`${TOKEN}.x.y`, "access token"],
    [`${TOKEN}=`, "access token"],
    [ASSERTION, "client assertion"],
    [await assertion({ iss: undefined }), "client assertion"],
    [await assertion({ sub: undefined, jti: undefined }, { typ: undefined }), "client assertion"],
    [await assertion({ scope: "x" }, { typ: "client-authentication+jwt" }), "client assertion"],
    [await assertion({ nonce: "x", iss: FACTS.issuer }), "id token"],
    [await assertion({ typ: "Refresh" }), "refresh token"],
  ] as const) {
    assert.deepEqual([recognised(text).kind, recognised(text).token], [kind, text]);
  }
});

test("what stands around a token is left out, and said", () => {
  const half = TOKEN.length / 2;
  for (const [text, note] of [
    [`Bearer ${TOKEN}`, /Bearer/],
    [`Authorization: bearer ${TOKEN}`, /name.*Bearer/],
    [`"${TOKEN}",`, /quotation/],
    [`'Bearer ${TOKEN}'`, /quotation.*Bearer/],
    [`${TOKEN.slice(0, half)}\n  ${TOKEN.slice(half)}`, /line breaks/],
    [JSON.stringify({ access_token: TOKEN, token_type: "Bearer" }), /JSON/],
    [JSON.stringify({ access_token: TOKEN, refresh_token: "x", id_token: "y" }), /id_token is left out.*refresh_token/],
    [`curl -H 'Authorization: Bearer ${TOKEN}' https://x.example/`, /text around/],
  ] as const) {
    const found = recognised(text);
    assert.deepEqual([found.kind, found.token], ["access token", TOKEN], text);
    assert.match(found.notes.join(" "), note);
  }
  assert.deepEqual(recognised(` ${TOKEN}\n`).notes, []);
  const form = recognised(`grant_type=client_credentials&client_assertion=${ASSERTION}&scope=x`);
  assert.deepEqual([form.kind, form.token], ["client assertion", ASSERTION]);
});

test("a proof is recognised by its type or claims, alone or beside its token", async () => {
  const { proof } = await forgedProof({ case: "", fault: "" });
  const untyped = (await forgedProof({ case: "", without: ["typ"], fault: "" })).proof;
  for (const text of [proof, `DPoP: ${proof}`, untyped]) {
    const found = recognised(text);
    assert.deepEqual([found.kind, found.token, found.proof], ["DPoP proof", "", text.replace("DPoP: ", "")]);
  }
  for (const text of [`Authorization: DPoP ${TOKEN}\nDPoP: ${proof}`, `DPoP: ${proof}\nauthorization: dpop ${TOKEN}`]) {
    const found = recognised(text);
    assert.deepEqual([found.kind, found.token, found.proof], ["access token", TOKEN, proof]);
  }
  assert.equal(recognised(`DPoP ${TOKEN}`).token, TOKEN);
  assert.equal(recognised(`${proof}, ${untyped}`).kind, "several tokens");
  assert.equal(recognised(`${proof} ${TOKEN} ${ASSERTION}`).kind, "several tokens");
});

test("the request that headers were pasted with is read as HTTP, as the page's log and for curl", () => {
  for (const [text, method, url] of [
    ["GET /Patient/4 HTTP/1.1\nHost: x.example", "GET", "/Patient/4"],
    ["POST https://x.example/Patient/_search\nAuthorization: DPoP x", "POST", "https://x.example/Patient/_search"],
    ["curl -sS 'https://x.example/Patient/4' -H 'DPoP: x'", "GET", "https://x.example/Patient/4"],
    ["curl https://x.example/token --data-raw 'a=b'", "POST", "https://x.example/token"],
    ["curl --head https://x.example/Patient/4", "HEAD", "https://x.example/Patient/4"],
    ["curl -X PUT -d @file 'https://x.example/Patient/4'", "PUT", "https://x.example/Patient/4"],
    ["DPoP: x", "", ""],
  ] as const) {
    assert.deepEqual(requestIn(text), { method, url }, text);
  }
});

test("what is secret is recognised at once and not kept", () => {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const jwk = privateKey.export({ format: "jwk" });
  for (const text of [
    privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    privateKey.export({ type: "pkcs1", format: "pem" }) as string,
    JSON.stringify(jwk),
    JSON.stringify({ keys: [jwk] }, null, 2),
    JSON.stringify(jwk).slice(0, -5),
    '{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0"}',
  ]) {
    assert.deepEqual([recognised(text), isSecret(recognised(text))], [{ kind: "private key", token: "", notes: [] }, true]);
  }
  for (const text of ["Basic YTpi", "authorization: basic YTpi=="]) assert.deepEqual([recognised(text).kind, recognised(text).token], ["Basic header", ""]);
});

test("what is no token is told by its name, with what to do", () => {
  for (const [text, kind] of [
    ["a-client-secret-".repeat(4), "opaque text"],
    [`${TOKEN} ${ASSERTION}`, "several tokens"],
    ['{"refresh_token":"x"}', "refresh token"],
    ["token.txt", "opaque text"],
    ['{"error":"invalid_client"}', "error answer"],
    ['{"iss":"x","exp":1}', "decoded token"],
    [JSON.stringify({ keys: [SERVER.jwk] }), "public key"],
    [JSON.stringify({ access_token: "opaque" }), "opaque text"],
  ] as const) {
    const found = recognised(text);
    assert.deepEqual([found.kind, found.token, isSecret(found)], [kind, "", false]);
    assert.ok(EXPLAINED[kind]?.every((each) => each !== ""));
  }
  assert.equal(recognised(" \n").kind, "nothing");
});

test("registered keys are a set or one key, and never a private one", () => {
  assert.deepEqual(registeredKeys(JSON.stringify({ keys: [CLIENT.jwk, SERVER.jwk] })), [CLIENT.jwk, SERVER.jwk]);
  assert.deepEqual(registeredKeys(JSON.stringify(CLIENT.jwk)), [CLIENT.jwk]);
  for (const text of ["", "x", "[]", "{}", "null", '{"keys":[]}', '{"keys":{}}', '{"kty":"oct","k":"x"}', JSON.stringify({ ...CLIENT.jwk, d: "x" })]) {
    assert.throws(() => registeredKeys(text), KeyError, text);
  }
});

test("a key that signs here has its public half beside it, and nothing else", async () => {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const published = { ...pair.publicKey.export({ format: "jwk" }), kid: "mine" };
  for (const text of [JSON.stringify(pair.privateKey.export({ format: "jwk" })), pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string]) {
    assert.deepEqual((await privateKeyOf(text, "mine")).publicKey, published);
  }
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const text = JSON.stringify(rsa.privateKey.export({ format: "jwk" }));
  assert.deepEqual((await privateKeyOf(text, "mine")).publicKey, { ...rsa.publicKey.export({ format: "jwk" }), kid: "mine" });
});

test("spans of time are said as one says them", () => {
  assert.deepEqual([0, 1, 61, 60, 119, 150, 300, 5400, 7300, 200_000].map(inWords), ["0 seconds", "1 second", "61 seconds", "1 minute", "119 seconds", "3 minutes", "5 minutes", "90 minutes", "2 hours", "2 days"]);
  assert.deepEqual([0, 4, -4].map(clockWords), ["", "", ""]);
  assert.match(clockWords(180), /3 minutes ahead of/);
  assert.match(clockWords(-180), /3 minutes behind/);
});
