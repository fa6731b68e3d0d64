import assert from "node:assert/strict";
import { afterEach, test, type TestContext } from "node:test";

import { calculateJwkThumbprint, compactVerify, decodeJwt, decodeProtectedHeader, importJWK, type JWK } from "jose";

import { hashOf } from "../src/oauth/proof.ts";
import { CLIENT } from "./forge.ts";

const BASE = "https://fhir.example/live";
const querySelector = (selector: string) => ({ content: selector.includes("fhir-path") ? "/STU3" : selector.includes("base") ? BASE : "" });
Object.assign(globalThis, { document: { querySelector }, location: new URL(BASE) });
const { answerTo, ask } = await import("../src/service/api.ts");
const { ROOT } = await import("../src/service/place.ts");
const { clockSkew, end, expire, session } = await import("../src/service/session.ts");
const { requestToken, signIn } = await import("../src/oauth/token-calls.ts");

const CREDENTIAL = { kind: "secret", clientId: "me", secret: "s" } as const;
const BOUND = { scope: "", isBound: true };
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
const TOKEN = [part({ alg: "RS256" }), part({ client_id: "me", scope: "user/*.rs", exp: 2_000_000_000 }), "AA"].join(".");

interface Sent {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** Answers the page's calls in turn, and returns what was sent. */
function served(context: TestContext, answers: readonly (() => Response)[]): readonly Sent[] {
  const sent: Sent[] = [];
  context.mock.method(globalThis, "fetch", (url: string, init: RequestInit) => {
    sent.push({ method: init.method ?? "", url, headers: new Headers(init.headers), body: typeof init.body === "string" ? init.body : "" });
    const answer = answers[sent.length - 1];
    assert.ok(answer, `one call too many: ${url}`);
    return Promise.resolve(answer());
  });
  return sent;
}

function granted(type = "DPoP", headers = {}): () => Response {
  return () => Response.json({ access_token: TOKEN, token_type: type, expires_in: 3600, scope: "user/*.rs" }, { headers });
}

const fine = () => Response.json({ resourceType: "Bundle" });

function refused(status: number, error: string, headers: Readonly<Record<string, string>> = {}): () => Response {
  return () => Response.json({ error }, { status, headers: { "WWW-Authenticate": `DPoP realm="careconnect", error="${error}"`, ...headers } });
}

/** Returns what a request's proof says, after its signature was verified. */
async function proofIn(sent: Sent | undefined) {
  const proof = sent?.headers.get("DPoP") ?? "";
  const header = decodeProtectedHeader(proof);
  assert.deepEqual([header.typ, header.alg], ["dpop+jwt", "ES256"]);
  assert.deepEqual(Object.keys(header.jwk ?? {}).sort(), ["crv", "kty", "x", "y"]);
  await compactVerify(proof, await importJWK(header.jwk as JWK, "ES256"));
  return { ...decodeJwt<{ htm: string; htu: string; ath?: string; nonce?: string }>(proof), jkt: await calculateJwkThumbprint(header.jwk as JWK) };
}

afterEach(() => {
  end();
  clockSkew.value = 0;
});

test("a token is asked for with a proof, and every call with it has one of its own", async (context) => {
  const sent = served(context, [granted(), fine, fine, fine]);
  await signIn(CREDENTIAL, BOUND, "");

  await ask({ to: "/STU3/Patient/4" });
  await ask({ to: "/STU3/Patient?name=Smith" });
  await ask({ to: `${BASE}/STU3/Patient?_cursor=x`, method: "GET" });

  const proofs = await Promise.all(sent.map(proofIn));
  assert.deepEqual(proofs.map(({ htm, htu }) => [htm, htu]), [
    ["POST", `${BASE}/token`],
    ["GET", `${BASE}/STU3/Patient/4`],
    ["POST", `${BASE}/STU3/Patient/_search`],
    ["GET", `${BASE}/STU3/Patient`],
  ]);
  assert.deepEqual(proofs.map(({ ath }) => ath), [undefined, ...Array.from({ length: 3 }, () => hash)]);
  assert.deepEqual(sent.slice(1).map(({ headers }) => headers.get("Authorization")), Array.from({ length: 3 }, () => `DPoP ${TOKEN}`));
  assert.deepEqual([new Set(proofs.map(({ jti }) => jti)).size, new Set(proofs.map(({ jkt }) => jkt)).size], [4, 1]);
  assert.ok(sent.every(({ url }) => url.startsWith(ROOT)), "the page calls its own origin");
});

const hash = await hashOf(TOKEN);

test("a Bearer token that was asked for, or came all the same, goes without a proof", async (context) => {
  const sent = served(context, [granted("Bearer"), fine, granted("Bearer"), fine]);
  for (const isBound of [false, true]) {
    await signIn(CREDENTIAL, { scope: "", isBound }, "");
    await ask({ to: "/STU3/Patient/4" });
  }

  assert.deepEqual(sent.map(({ headers }) => headers.has("DPoP")), [false, false, true, false]);
  assert.equal(sent[3]?.headers.get("Authorization"), `Bearer ${TOKEN}`);
});

test("each token has a key of its own, which nobody can read and which goes with it", async (context) => {
  served(context, [granted(), granted()]);
  await signIn(CREDENTIAL, BOUND, "");
  const first = session.value?.key;
  assert.equal(first?.signs.extractable, false);
  await assert.rejects(crypto.subtle.exportKey("jwk", first.signs));

  await signIn(CREDENTIAL, BOUND, "");
  assert.notEqual(session.value?.key, first);

  assert.ok(session.value);
  expire(session.value);
  assert.deepEqual([session.value.key, session.value.scheme], [null, "DPoP"]);
});

test("a bound token whose key is forgotten is sent no more", async (context) => {
  const sent = served(context, [granted()]);
  await signIn(CREDENTIAL, BOUND, "");
  assert.ok(session.value);
  expire(session.value);

  await assert.rejects(ask({ to: "/STU3/Patient" }), { message: "The session has expired." });
  assert.equal(sent.length, 1);
});

test("a nonce that is asked for is put into a second try, and into what follows", async (context) => {
  const sent = served(context, [
    refused(400, "use_dpop_nonce", { "DPoP-Nonce": "one" }),
    granted("DPoP", { "DPoP-Nonce": "two" }),
    refused(401, "use_dpop_nonce", { "DPoP-Nonce": "three" }),
    fine,
    fine,
  ]);
  await signIn(CREDENTIAL, BOUND, "");

  await ask({ to: "/STU3/Patient", method: "POST", body: "{}" });
  await ask({ to: "/STU3/Patient/4" });

  const proofs = await Promise.all(sent.map(proofIn));
  assert.deepEqual(proofs.map(({ nonce }) => nonce), [undefined, "one", "two", "three", "three"]);
  assert.equal(sent[3]?.body, "{}");
});

test("a client assertion is made anew for the second try, as it works once", async (context) => {
  const key = { key: CLIENT.signs, algorithm: "ES384", kid: "client-key", publicKey: CLIENT.jwk };
  const metadata = () => Response.json({ issuer: BASE, token_endpoint: `${BASE}/token` });
  const sent = served(context, [metadata, refused(400, "use_dpop_nonce", { "DPoP-Nonce": "one" }), metadata, granted()]);

  await requestToken({ kind: "key", clientId: "me", key }, BOUND);

  const assertions = [sent[1], sent[3]].map((each) => new URLSearchParams(each?.body).get("client_assertion") ?? "");
  assert.notEqual(assertions[0], assertions[1]);
  // The profile fapi2 takes no other audience.
  assert.deepEqual(assertions.map((each) => decodeJwt(each).aud), [BASE, BASE]);
});

test("a proof that a wrong clock made is made once more by the server's", async (context) => {
  const [ahead, now] = [600_000, Date.now()];
  const date = { Date: new Date(now + ahead).toUTCString() };
  const sent = served(context, [refused(400, "invalid_dpop_proof", date), granted()]);

  await signIn(CREDENTIAL, BOUND, "");

  const [first, second] = (await Promise.all(sent.map(proofIn))).map(({ iat = 0 }) => iat);
  assert.ok(Math.abs((first ?? 0) - now / 1000) < 30);
  assert.ok(Math.abs((second ?? 0) - (now + ahead) / 1000) < 30);
});

test("nothing else is tried twice", async (context) => {
  const sent = served(context, [
    granted(),
    refused(401, "invalid_dpop_proof"),
    refused(401, "use_dpop_nonce"),
    refused(401, "invalid_token", { "DPoP-Nonce": "one" }),
    refused(403, "insufficient_scope", { "DPoP-Nonce": "two" }),
    refused(401, "use_dpop_nonce", { "DPoP-Nonce": "three" }),
    refused(401, "use_dpop_nonce", { "DPoP-Nonce": "four" }),
  ]);
  await signIn(CREDENTIAL, BOUND, "");

  const answers = [];
  for (let call = 0; call < 5; call++) answers.push((await answerTo({ to: "/STU3/Patient/4" })).status);

  assert.deepEqual(answers, [401, 401, 401, 403, 401]);
  assert.equal(sent.length, 7);
});

test("a call without the session's token has no proof", async (context) => {
  const sent = served(context, [granted(), fine]);
  await signIn(CREDENTIAL, BOUND, "");

  await ask({ to: "/openapi.json", token: null });

  assert.deepEqual(["DPoP", "Authorization"].map((name) => sent[1]?.headers.has(name)), [false, false]);
});
