import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";

import { copyNote, copyOf, LANGUAGES } from "../src/service/request-copies.ts";

const TOKEN = "header.claims.signature";
const READ = { method: "GET", url: "http://x.example/Patient?name=O'Brien&_count=5", headers: { Authorization: `Bearer ${TOKEN}`, Accept: "application/fhir+json" }, body: "" };
const FORM = {
  method: "POST",
  url: "http://x.example/token",
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
  body: "grant_type=client_credentials&client_secret=s3cret&client_assertion=a.b.c&token=t.t.t",
};
const SECRETS = [TOKEN, "s3cret", "a.b.c", "t.t.t"];

for (const language of LANGUAGES) {
  test(`${language}: no secret is copied unless it is asked for`, () => {
    for (const request of [READ, FORM]) {
      const copied = copyOf(language, request, false);
      for (const secret of SECRETS) assert.ok(!copied.includes(secret), secret);
    }
    assert.match(copyOf(language, READ, false), /TOKEN/);
    assert.match(copyOf(language, FORM, false), /CLIENT_SECRET/);
    assert.match(copyOf(language, FORM, false), /grant_type=client_credentials/);
  });

  test(`${language}: a revealed copy holds the request as it went`, () => {
    assert.ok(copyOf(language, READ, true).includes(TOKEN));
    assert.ok(copyOf(language, FORM, true).includes(FORM.body));
  });
}

for (const language of LANGUAGES) {
  test(`${language}: a copy of a bound token's request takes a Bearer token, revealed or not, and says so`, () => {
    const bound = { ...READ, headers: { ...READ.headers, Authorization: `DPoP ${TOKEN}`, DPoP: "p.r.f" } };
    for (const revealed of [false, true]) assert.equal(copyOf(language, bound, revealed), copyOf(language, READ, false));
    assert.match(copyNote(bound), /bound to a key.*takes a Bearer token, as TOKEN/);
    assert.equal(copyNote(READ), "");

    const grant = { ...FORM, headers: { ...FORM.headers, DPoP: "p.r.f" } };
    assert.equal(copyOf(language, grant, true), copyOf(language, FORM, true));
    assert.match(copyNote(grant), /asks for a Bearer token/);
  });
}

test("curl: a shell reads the words as they were, with quotes and variables", () => {
  const script = copyOf("curl", READ, false).replace(/^curl/, "printf '%s\\n'");
  const words = execFileSync("sh", ["-c", script], { env: { TOKEN: "from the environment" }, encoding: "utf8" });

  assert.deepEqual(words.trim().split("\n"), [
    "-sS",
    READ.url,
    "-H",
    "Authorization: Bearer from the environment",
    "-H",
    "Accept: application/fhir+json",
  ]);
});

test("curl: a method is named where curl would take another", () => {
  assert.doesNotMatch(copyOf("curl", READ, false), /-X/);
  assert.doesNotMatch(copyOf("curl", FORM, false), /-X/);
  assert.match(copyOf("curl", { ...FORM, method: "PUT" }, false), /-X PUT/);
  assert.match(copyOf("curl", { ...READ, method: "DELETE" }, false), /-X DELETE/);
  assert.match(copyOf("curl", { ...READ, method: "HEAD" }, false), /--head/);
});

test("JavaScript: the copy makes the very request", async (context) => {
  const fetched = context.mock.method(globalThis, "fetch", () => Promise.resolve(new Response("")));
  context.mock.method(console, "log", () => undefined);

  await import(`data:text/javascript,${encodeURIComponent(copyOf("JavaScript", FORM, true))}`);

  assert.deepEqual(fetched.mock.calls[0]?.arguments, [FORM.url, { method: "POST", headers: FORM.headers, body: FORM.body }]);
});

test("Python: a text with quotes and line ends is one string", () => {
  const copied = copyOf("Python", { ...FORM, headers: {}, body: 'a "b"\n' }, false);

  assert.ok(copied.includes('data=("a \\"b\\"\\n").encode()'));
  assert.ok(!copied.includes("import os"));
});
