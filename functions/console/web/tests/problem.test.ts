import assert from "node:assert/strict";
import { test } from "node:test";

import { ProblemError, problemFrom, problemOf, silence } from "../src/service/problem.ts";

function outcome(code: string, diagnostics: string, expression?: readonly string[]): string {
  return JSON.stringify({ resourceType: "OperationOutcome", issue: [{ severity: "error", code, diagnostics, expression }] });
}

test("an expired token is told as one, with what to do", () => {
  const problem = problemOf(401, {}, outcome("login", "An access token is required."));

  assert.equal(problem.title, "The token is not accepted.");
  assert.match(problem.remedy, /Get a new one/);
  assert.equal(problem.needsToken, true);
  assert.deepEqual(problem.details, [{ text: "An access token is required.", where: "" }]);
});

test("a refused scope is told with the one that is needed", () => {
  const challenge = 'Bearer realm="careconnect", error="insufficient_scope", scope="user/Procedure.s"';
  const problem = problemOf(403, { "www-authenticate": challenge }, outcome("forbidden", "…"));

  assert.match(problem.remedy, /It takes user\/Procedure\.s\./);
  assert.equal(problem.needsToken, true);
});

test("a refused proof is told as one, by the API, by API Gateway's own URL and by /token", () => {
  const text = "The DPoP proof was used before.";
  const challenge = `DPoP realm="careconnect", error="invalid_dpop_proof", error_description="${text}"`;
  for (const name of ["www-authenticate", "x-amzn-remapped-www-authenticate"]) {
    const problem = problemOf(401, { [name]: challenge }, outcome("login", text));
    assert.deepEqual([problem.title, problem.details[0]?.text, problem.needsToken], ["The proof of the token's key is not accepted.", text, true]);
  }
  const problem = problemOf(400, {}, JSON.stringify({ error: "invalid_dpop_proof", error_description: text }));
  assert.deepEqual([problem.title, problem.details[0]?.text, problem.needsToken], ["The proof of the token's key is not accepted.", text, false]);
});

test("a faulty resource is told fault by fault, each with its place", () => {
  const problem = problemOf(422, {}, outcome("value", "is no date", ["Patient.birthDate"]));

  assert.deepEqual(problem.details, [{ text: "is no date", where: "Patient.birthDate" }]);
  assert.equal(problem.code, "value");
  assert.equal(problem.needsToken, false);
});

test("an OAuth error is told in its own words, and the way out is no other token", () => {
  const problem = problemOf(401, {}, '{"error":"invalid_client","error_description":"The client is not known."}');

  assert.match(problem.title, /client/);
  assert.deepEqual(problem.details, [{ text: "The client is not known.", where: "" }]);
  assert.deepEqual([problem.code, problem.needsToken], ["invalid_client", false]);
});

test("who has to wait is told how long", () => {
  assert.match(problemOf(429, { "retry-after": "7" }, "").remedy, /wait 7 s/);
});

test("an answer that is not JSON, or of an unknown status, has words too", () => {
  for (const [status, body] of [[418, "<html>"], [500, ""], [400, "null"], [400, '{"resourceType":"Patient"}']] as const) {
    const problem = problemOf(status, {}, body);
    assert.ok(problem.title && problem.remedy);
    assert.deepEqual(problem.details, []);
  }
});

test("a server that stopped is told where the page is local, and elsewhere", () => {
  assert.match(silence("http://127.0.0.1:3000", true).remedy, /make run/);
  assert.doesNotMatch(silence("https://api.example", false).remedy, /make run/);
});

test("an error of the page itself is not blamed on the server", () => {
  assert.equal(problemFrom(new TypeError("x is undefined")).details[0]?.text, "x is undefined");
  const known = silence("x", false);
  assert.equal(problemFrom(new ProblemError(known)), known);
});
