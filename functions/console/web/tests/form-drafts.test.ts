import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { type FormDraft, forgetForm, formDraftAt, keepForm, leftForms, placeOfForm, showsForm, touchedForms } from "../src/rooms/write/forms/form-drafts.ts";
import { begin, end } from "../src/service/session.ts";

function token(): string {
  const [header, claims] = [{ alg: "none" }, { exp: 1, scope: "" }].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return `${header}.${claims}.`;
}

const TYPED = { values: { reason: "Typed" }, isTouched: true, once: "", isUncertain: false };
const CORRECTION: FormDraft = { ...TYPED, key: "correct Condition/4", title: "Correct it: Gout", patient: "5", room: "record", path: ["5"], version: "2" };

beforeEach(() => {
  end();
  begin(token(), "", null);
});

test("what was typed into a form or a correction is kept under another token, and forgotten with the session", () => {
  keepForm(CORRECTION);
  keepForm({ ...TYPED, ...placeOfForm("Condition", "5"), version: "" });
  begin(token(), "", null);
  assert.deepEqual(touchedForms().map(({ title }) => title), ["Correct it: Gout", "Add a problem: Patient/5"]);
  assert.equal(formDraftAt(CORRECTION.key)?.version, "2");
  forgetForm(CORRECTION.key);
  assert.equal(formDraftAt(CORRECTION.key), undefined);
  end();
  assert.deepEqual(touchedForms(), []);
});

test("a form that is on the page is not one that was left", () => {
  keepForm(CORRECTION);
  const leave = showsForm(CORRECTION.key);
  assert.deepEqual(leftForms(), []);
  leave();
  assert.deepEqual(leftForms(), [CORRECTION]);
});

test("the form of a new patient has a place of its own", () => {
  assert.deepEqual([placeOfForm("Patient", "").path, placeOfForm("Condition", "5").path], [["new", "Patient"], ["for", "5", "Condition"]]);
});
