import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { begin, end } from "../src/service/session.ts";

// The page says in its head where it is.
const BASE = "http://127.0.0.1:3000";
const querySelector = (meta: string) => ({ content: meta.includes("fhir-path") ? "/STU3" : BASE });
Object.assign(globalThis, { document: { querySelector }, location: new URL(BASE) });
const { doubtsBeside } = await import("../src/rooms/write/forms/known-record.ts");

const AMOXICILLIN = { resourceType: "MedicationStatement", status: "active", medicationCodeableConcept: { text: "Amoxicillin 500mg capsules" } };
const PENICILLIN = { resourceType: "AllergyIntolerance", clinicalStatus: "active", verificationStatus: "confirmed", code: { text: "Penicillin" } };

afterEach(end);

test("a medicine is compared with all allergies, also with those of a second page", async (context) => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  begin([part({ alg: "none" }), part({ exp: 2_000_000_000, scope: "user/*.cruds" }), ""].join("."), "", null);
  const pages: readonly object[] = [
    { resourceType: "Bundle", link: [{ relation: "next", url: `${BASE}/STU3/AllergyIntolerance?_cursor=more` }] },
    { resourceType: "Bundle", entry: [{ resource: PENICILLIN }] },
  ];
  let asked = 0;
  context.mock.method(globalThis, "fetch", () => Promise.resolve(new Response(JSON.stringify(pages[asked++]))));

  const doubts = await doubtsBeside(AMOXICILLIN, "5", undefined, new AbortController().signal);

  assert.deepEqual(doubts.map(({ rule }) => rule), ["medicine meets an allergy"]);
  assert.equal(asked, 2);
});

test("a token that searches a part of the allergies says so of the comparison", async (context) => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  begin([part({ alg: "none" }), part({ exp: 2_000_000_000, scope: "user/AllergyIntolerance.rs?category=food" }), ""].join("."), "", null);
  context.mock.method(globalThis, "fetch", () => Promise.resolve(Response.json({ resourceType: "Bundle" })));

  const doubts = await doubtsBeside(AMOXICILLIN, "5", undefined, new AbortController().signal);

  assert.deepEqual(doubts.map(({ text }) => text), [
    "It was compared with a part of the recorded allergies: this token searches AllergyIntolerance only where category is food.",
  ]);
});
