import assert from "node:assert/strict";
import { test } from "node:test";

import { checkAssertion } from "../src/oauth/check-assertion.ts";
import { firstFault, type ServerFacts } from "../src/oauth/checks.ts";
import { assertion, CLIENT, FACTS, keyPair, NOW, segment, SERVER } from "./forge.ts";

const KEYS = [CLIENT.jwk];

async function assertFault(text: string, name: string, said: RegExp, keys = KEYS, facts: ServerFacts = FACTS): Promise<void> {
  const found = firstFault(await checkAssertion(text, facts, keys));
  assert.equal(found?.name, name, JSON.stringify(found));
  assert.match(`${found.said} ${found.remedy}`, said);
  assert.ok(found.remedy);
}

async function assertGood(text: string, keys = KEYS): Promise<void> {
  assert.equal(firstFault(await checkAssertion(text, FACTS, keys)), null);
}

test("console.md: aud is the FHIR base, must be the token endpoint", async () => {
  await assertFault(await assertion({ aud: FACTS.fhirBase }), "aud", /^It is the FHIR base\. It must be the token endpoint: http:\/\/127\.0\.0\.1:3000\/token$/);
});

test("console.md: exp 12 minutes ahead, 5 allowed", async () => {
  await assertFault(await assertion({ exp: NOW + 720 }), "exp", /^It is 12 minutes ahead, 5 allowed\./);
});

test("console.md: kid not in your registered keys", async () => {
  await assertFault(await assertion({}, { kid: "other" }), "kid", /^It is not in your registered keys: other is none of the keys: client-key\./);
});

test("a good assertion has no fault; what is not seen from here is said", async () => {
  const states = async (keys: typeof KEYS | null) =>
    (await checkAssertion(await assertion(), FACTS, keys)).filter((each) => each.state !== "right").map((each) => [each.name, each.state]);

  assert.deepEqual(await states(KEYS), [["used before", "unseen"], ["registration", "unseen"]]);
  assert.deepEqual(await states(null), [["kid", "unseen"], ["signature", "unseen"], ["used before", "unseen"], ["registration", "unseen"]]);
});

test("each algorithm of the metadata, with a key of its kind", async () => {
  for (const algorithm of FACTS.assertionAlgorithms) {
    const pair = await keyPair(algorithm, "one");
    await assertGood(await assertion({}, { alg: algorithm, kid: "one" }, pair.signs), [pair.jwk]);
  }
});

test("it names its client, algorithm and key", async () => {
  const [, body = "", signature = ""] = (await assertion()).split(".");
  await assertFault("nonsense", "form", /three parts/);
  await assertFault(await assertion({ sub: undefined }), "sub", /which client/);
  await assertFault(await assertion({ sub: "a b", iss: "a b" }), "sub", /no client's id/);
  await assertFault(`${segment({ alg: "HS256", kid: "client-key" })}.${body}.${signature}`, "alg", /A secret does not sign here/);
  await assertFault(`${segment({ alg: "none", kid: "client-key" })}.${body}.${signature}`, "alg", /none is not taken/);
  await assertFault(await assertion({}, { kid: undefined }), "kid", /does not name/);
  await assertFault(await assertion({}, { kid: 7 }), "kid", /does not name/);
});

test("the key is fit for it, and has signed it", async () => {
  const [other, short] = [await keyPair("ES384", "client-key"), { kty: "RSA", n: "A".repeat(10) + "_".repeat(160), e: "AQAB", kid: "client-key" }];
  const good = await assertion();
  await assertFault(good, "signature", /has not signed/, [other.jwk]);
  await assertFault(good, "kid", /for RS256, not for ES384/, [{ ...CLIENT.jwk, alg: "RS256" }]);
  await assertFault(good, "kid", /not for signing/, [{ ...CLIENT.jwk, use: "enc" }]);
  await assertFault(good, "kid", /key_ops/, [{ ...CLIENT.jwk, key_ops: ["encrypt"] }]);
  await assertFault(good, "signature", /cannot verify ES384/, [{ ...SERVER.jwk, kid: "client-key" }]);
  await assertFault(await assertion({}, { alg: "RS256" }, SERVER.signs), "signature", /956 bits/, [short]);
  await assertGood(good, [{ ...CLIENT.jwk, use: "enc" }, { ...CLIENT.jwk, use: "sig", alg: "ES384", key_ops: ["verify"] }]);
});

test("typ is that of an assertion, or none; a jku is not seen from here", async () => {
  for (const typ of ["at+jwt", "jwt", ""]) await assertFault(await assertion({}, { typ }), "typ", /set it to JWT/);
  for (const typ of [undefined, "JWT", "client-authentication+jwt"]) await assertGood(await assertion({}, { typ }));
  const jku = (await checkAssertion(await assertion({}, { jku: "https://x.example" }), FACTS, KEYS)).find((each) => each.name === "jku");
  assert.equal(jku?.state, "unseen");
});

test("iss is sub, and aud holds the token endpoint or the issuer", async () => {
  await assertFault(await assertion({ iss: undefined }), "iss", /Both have to be the client id/);
  await assertFault(await assertion({ iss: FACTS.issuer }), "iss", /127\.0\.0\.1/);
  await assertFault(await assertion({ aud: undefined }), "aud", /There is none/);
  await assertFault(await assertion({ aud: "https://other.example/token" }), "aud", /other\.example/);
  for (const aud of ["http://localhost:3000/token", "https://127.0.0.1:3000/token", `${FACTS.tokenEndpoint}/`]) {
    await assertFault(await assertion({ aud }), "aud", /byte for byte/);
  }
  for (const aud of [FACTS.issuer, [FACTS.fhirBase, FACTS.tokenEndpoint]]) await assertGood(await assertion({ aud }));
});

test("it lives for five minutes at most, by the server's clock", async () => {
  for (const [claims, name, said] of [
    [{ exp: undefined }, "exp", /no exp/],
    [{ exp: NOW }, "exp", /expired/],
    [{ exp: NOW + 301 }, "exp", /301 seconds ahead, 300 allowed/],
    [{ exp: NOW * 1000 }, "exp", /milliseconds/],
    [{ iat: "x" }, "iat", /not a number/],
    [{ iat: NOW + 61 }, "iat", /61 seconds ahead/],
    [{ nbf: NOW + 61 }, "nbf", /61 seconds ahead/],
  ] as const) {
    await assertFault(await assertion(claims), name, said);
  }
  for (const claims of [{ exp: NOW + 300 }, { iat: undefined }, { iat: NOW - 9999 }, { nbf: NOW + 60 }]) await assertGood(await assertion(claims));
  await assertFault(await assertion({ exp: NOW + 720 }), "exp", /clock is 7 minutes ahead of the server's/, KEYS, { ...FACTS, ahead: 420 });
});

test("jti is a text of 1 to 255 characters", async () => {
  for (const jti of [undefined, "", 7, "x".repeat(256)]) await assertFault(await assertion({ jti }), "jti", /255/);
  for (const jti of ["x".repeat(255), "💊".repeat(255)]) await assertGood(await assertion({ jti }));
});
