import assert from "node:assert/strict";
import { test } from "node:test";

import { isNhsNumber } from "../src/fhir/nhs-number.ts";
import { asPosted, refuseNhsNumberAsId } from "../src/service/posted-search.ts";
import { ProblemError } from "../src/service/problem.ts";

const BASE = "https://x.example/stage/fhir";

function sent(path: string, method = "GET") {
  const { method: by, url, body } = asPosted({ method, url: BASE + path, headers: { Accept: "a" }, body: "" }, BASE);
  return [by, url.slice(BASE.length), body];
}

test("a search is sent as the form that asks the same", () => {
  const query = "identifier=https%3A%2F%2Ffhir.nhs.uk%2FId%2Fnhs-number%7C9990000042&_count=12";
  assert.deepEqual(asPosted({ method: "GET", url: `${BASE}/Patient?${query}`, headers: { Accept: "a" }, body: "" }, BASE), {
    method: "POST",
    url: `${BASE}/Patient/_search`,
    headers: { Accept: "a", "Content-Type": "application/x-www-form-urlencoded" },
    body: query,
  });
  assert.deepEqual(sent("/Patient/4/Observation?subject.name=a%3Fb"), ["POST", "/Patient/4/Observation/_search", "subject.name=a%3Fb"]);
});

test("whatever a search asks for is in no URL, but a number of entries and a sealed link", () => {
  for (const query of ["_id=4", "nmae=Smith", "_has:Patient:x:name=a", "_count=5&family=Smith", "_cursor=abc&family=Smith", "_sort=-Smith", "Smith"]) {
    assert.deepEqual(sent(`/Patient?${query}`), ["POST", "/Patient/_search", query], query);
  }
  for (const path of ["/Patient?_count=5", "/Patient?_cursor=abc", "/Patient?_cursor=abc&_count=5", "/Patient"]) {
    assert.deepEqual(sent(path), ["GET", path, ""], path);
  }
});

test("what is no search goes as it is", () => {
  for (const path of ["/Patient/4", "/Patient/4/_history?_count=20", "/Patient/4/$everything?_type=Observation", "/metadata?mode=full"]) {
    assert.deepEqual(sent(path), ["GET", path, ""], path);
  }
  assert.deepEqual(sent("/Patient?identifier=a%7Cb", "PUT"), ["PUT", "/Patient?identifier=a%7Cb", ""]);
  const elsewhere = { method: "GET", url: "https://x.example/Patient?name=a", headers: {}, body: "" };
  assert.equal(asPosted(elsewhere, BASE), elsewhere);
});

test("an NHS number has ten digits and the right last one, spaces and hyphens aside", () => {
  for (const number of ["9990000042", "999 000 0042", "943-476-5919", "9876543210", " 9434765919 "]) assert.ok(isNhsNumber(number), number);
  // Eleven less a remainder of none is a zero.
  assert.ok(isNhsNumber("4010232137"));
  assert.ok(isNhsNumber("0000000000"));
  for (const none of ["9990000043", "999000004", "99900000422", "999.000.0042", "", "abc"]) assert.ok(!isNhsNumber(none), none);
});

test("patients are not searched for by an NHS number as their id", () => {
  const refused = (path: string, body: string) => () => refuseNhsNumberAsId({ method: "POST", url: BASE + path, headers: {}, body });
  for (const body of ["_id=9990000042", "_count=5&_id=4%2C999+000+0042"]) {
    assert.throws(refused("/Patient/_search", body), (error: unknown) => error instanceof ProblemError && error.problem.details[0]?.where === "http._id");
  }
  assert.doesNotThrow(refused("/Patient/_search", "_id=4,9990000043&identifier=9990000042"));
  assert.doesNotThrow(refused("/Observation/_search", "_id=9990000042"));
});
