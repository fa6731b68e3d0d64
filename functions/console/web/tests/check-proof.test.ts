import assert from "node:assert/strict";
import { test } from "node:test";

import { checkProof } from "../src/oauth/check-proof.ts";
import { firstFault } from "../src/oauth/checks.ts";
import { accessToken, FACTS, ROOT } from "./forge.ts";
import { forgedProof, type ProofCase, URL_OF_CASES } from "./proof-forge.ts";
import cases from "./proof-cases.json" with { type: "json" };

const CASES = cases as unknown as readonly ProofCase[];

test("the first fault of each case is told in the server's words, with a remedy", async () => {
  const [told, expected]: [Record<string, string>, Record<string, string>] = [{}, {}];
  for (const one of CASES) {
    const { proof, token } = await forgedProof(one);
    const { method = "GET", url = URL_OF_CASES } = one;
    const facts = { ...FACTS, issuer: new URL(url).origin };

    const fault = firstFault(await checkProof(proof, facts, { method, url, token }));

    told[one.case] = fault?.said ?? "";
    assert.notEqual(fault?.remedy, "", one.case);
    expected[one.case] = one.onlyTheServerSees ? "" : one.fault;
  }
  assert.deepEqual(told, expected);
});

test("a good proof says which key and how old", async () => {
  const { proof, token } = await forgedProof({ case: "", claims: { iat: FACTS.now - 7 }, fault: "" });

  const checks = await checkProof(proof, FACTS, { method: "GET", url: URL_OF_CASES, token });

  const said = Object.fromEntries(checks.map((each) => [each.name, each.said]));
  assert.deepEqual(Object.keys(said), ["form", "typ", "alg", "jwk", "signature", "htm", "htu", "jti", "iat", "ath", "key", "nonce", "first use"]);
  assert.match(said["jwk"] ?? "", /thumbprint \(jkt\) [\w-]{43}\.$/);
  assert.equal(said["iat"], "7 seconds ago.");
  assert.equal(said["htu"], URL_OF_CASES);
});

test("what was not pasted with a proof is not judged, and said", async () => {
  const { proof } = await forgedProof({ case: "", fault: "" });

  const checks = await checkProof(proof, FACTS, { method: "", url: "", token: "" });

  assert.equal(firstFault(checks), null);
  assert.deepEqual(checks.filter((each) => each.state === "unseen").map((each) => each.name), ["htm", "htu", "ath", "key", "first use"]);
});

test("the request's own name of the machine counts for nothing: the server's is expected", async () => {
  const { proof, token } = await forgedProof({ case: "", fault: "" });
  const other = URL_OF_CASES.replace("127.0.0.1", "localhost");
  for (const url of [other, new URL(other).pathname, `${URL_OF_CASES}?_format=json`]) {
    assert.equal(firstFault(await checkProof(proof, FACTS, { method: "GET", url, token })), null, url);
  }
  const fault = firstFault(await checkProof((await forgedProof({ case: "", claims: { htu: other }, fault: "" })).proof, FACTS, { method: "GET", url: other, token }));

  assert.match(fault?.remedy ?? "", new RegExp(`has to be ${URL_OF_CASES}\\. The server calls itself ${ROOT}`));
});

test("a token that is bound to no key takes no proof", async () => {
  const token = await accessToken();
  const { proof } = await forgedProof({ case: "", fault: "" });

  const checks = await checkProof(proof, FACTS, { method: "GET", url: URL_OF_CASES, token });

  assert.match(checks.find((each) => each.name === "key")?.said ?? "", /bound to no key/);
});
