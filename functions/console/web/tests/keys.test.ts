import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";

import { calculateJwkThumbprint, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from "jose";

import { authenticationOf } from "../src/oauth/credential.ts";
import { KeyError, privateKeyOf } from "../src/oauth/private-key.ts";

const AUDIENCE = "http://127.0.0.1:3000/token";
const NOW = 1_790_000_000_000;

for (const [algorithm, kind] of [["RS384", "RSA"], ["ES384", "P-384"], ["ES256", "P-256"]] as const) {
  test(`${kind}: a pasted key, as JWK or PEM, signs an assertion that its public half verifies`, async () => {
    const pair =
      kind === "RSA"
        ? generateKeyPairSync("rsa", { modulusLength: 2048 })
        : generateKeyPairSync("ec", { namedCurve: kind });
    const pem = pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string;
    const jwk = JSON.stringify(pair.privateKey.export({ format: "jwk" }));
    const published = pair.publicKey.export({ format: "jwk" }) as Awaited<ReturnType<typeof exportJWK>>;
    const kid = await calculateJwkThumbprint(published);
    const set = createLocalJWKSet({ keys: [{ ...published, kid }] });
    for (const text of [pem, jwk]) {
      const key = await privateKeyOf(text, "");
      assert.deepEqual([key.algorithm, key.kid, key.key.extractable], [algorithm, kid, false]);
      const proof = await authenticationOf({ kind: "key", clientId: "me", key }, AUDIENCE, NOW);
      const { payload, protectedHeader } = await jwtVerify(proof.form["client_assertion"] ?? "", set, {
        audience: AUDIENCE,
        issuer: "me",
        subject: "me",
        currentDate: new Date(NOW),
      });
      assert.deepEqual(protectedHeader, { alg: algorithm, typ: "JWT", kid });
      assert.equal((payload.exp ?? 0) - NOW / 1000, 60);
      assert.ok((payload.jti ?? "").length >= 20);
      assert.deepEqual(proof.headers, {});
    }
  });
}

test("a kid that is given, or the JWK's own, goes before the thumbprint", async () => {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = { ...(await exportJWK(privateKey)), kid: "own" };

  assert.equal((await privateKeyOf(JSON.stringify(jwk), "")).kid, "own");
  assert.equal((await privateKeyOf(JSON.stringify(jwk), "given")).kid, "given");
});

test("what is no private key is told with what to do", async () => {
  const { publicKey } = await generateKeyPair("ES256");
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
  const ed = generateKeyPairSync("ed25519").privateKey;
  for (const [text, said] of [
    ["", /Paste/],
    ["{", /neither JSON/],
    ['{"keys":[]}', /set of keys/],
    [JSON.stringify(await exportJWK(publicKey)), /public half/],
    ['{"kty":"oct","d":"x"}', /curves/],
    ['{"kty":"EC","crv":"P-256","d":"x"}', /cannot be used/],
    [ec.export({ type: "sec1", format: "pem" }) as string, /PKCS #8/],
    [ec.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }) as string, /encrypted/],
    [ed.export({ type: "pkcs8", format: "pem" }) as string, /curves/],
    ["-----BEGIN CERTIFICATE-----", /no private key/],
  ] as const) {
    await assert.rejects(privateKeyOf(text, ""), (error) => error instanceof KeyError && said.test(error.message));
  }
});

test("RFC 6749 §2.3.1: id and secret are form-encoded, each by itself", async () => {
  const proof = await authenticationOf({ kind: "secret", clientId: "a:b", secret: "ü +" }, "", 0);

  assert.equal(atob((proof.headers["Authorization"] ?? "").replace("Basic ", "")), "a%3Ab:%C3%BC+%2B");
});
