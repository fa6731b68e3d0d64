import assert from "node:assert/strict";
import { test } from "node:test";

import { answerText, bodyPieces, headerPieces, plainText } from "../src/service/secrets.ts";

test("the credentials of an Authorization header are a secret, its scheme is not", () => {
  assert.equal(plainText(headerPieces("authorization", "Basic abc", false)), "Basic …BASIC…");
  assert.equal(plainText(headerPieces("Authorization", "bearer abc", false)), "bearer …TOKEN…");
  assert.equal(plainText(headerPieces("Authorization", "DPoP abc", false)), "DPoP …TOKEN…");
  assert.equal(plainText(headerPieces("DPoP", "a.b.c", false)), "…PROOF…");
  assert.equal(plainText(headerPieces("DPoP", "a.b.c", true)), "a.b.c");
  assert.equal(plainText(headerPieces("Authorization", "Basic abc", true)), "Basic abc");
  assert.equal(plainText(headerPieces("Accept", "Basic abc", false)), "Basic abc");
});

test("a form's secrets are told by their names alone", () => {
  const headers = { "Content-Type": "application/x-www-form-urlencoded; charset=utf-8" };

  assert.equal(plainText(bodyPieces({ headers, body: "a=1&token=x&client%5Fsecret=y" }, false)), "a=1&token=…TOKEN…&client%5Fsecret=…CLIENT_SECRET…");
  assert.equal(plainText(bodyPieces({ headers, body: "token=x" }, true)), "token=x");
  assert.equal(plainText(bodyPieces({ headers: {}, body: '{"token":"x"}' }, false)), '{"token":"x"}');
  assert.deepEqual(bodyPieces({ headers, body: "" }, false), []);
});

test("an answer is told without token and secrets", () => {
  const answer = '{"access_token": "eyJ", "token_type":"Bearer","clients":[{"secret":"s"}]}';

  assert.equal(answerText(answer, false), '{"access_token": "…", "token_type":"Bearer","clients":[{"secret":"…"}]}');
  assert.equal(answerText(answer, true), answer);
});
