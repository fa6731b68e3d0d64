import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { SERVED_TYPES } from "../src/oauth/grants.ts";
import { draftAt, draftOf, forget, isChanged, keep, newDraft, unsaved, withText } from "../src/rooms/write/editor/drafts.ts";
import { needsPatient, starterOf } from "../src/rooms/write/starters.ts";
import { begin, end } from "../src/service/session.ts";

const STORED = { id: "4", text: "{}", format: "json", version: "3", modified: "" } as const;

function at(id: string | null, patient: string | null = null) {
  return draftAt({ type: "Patient", id, patient });
}

function token(): string {
  const [header, claims] = [{ alg: "none" }, { exp: 1, scope: "" }].map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"));
  return `${header}.${claims}.`;
}

beforeEach(() => {
  end();
  begin(token(), "", null);
});

test("a draft is kept by its place, and only what was typed is unsaved", () => {
  keep(newDraft("Patient", "{}"));
  keep(draftOf("Patient", STORED));
  assert.equal(at(null)?.version, null);
  assert.equal(at("4")?.version, "3");
  assert.deepEqual(unsaved(), []);

  const typed = { ...draftOf("Patient", STORED), text: "{ }" };
  keep(typed);
  assert.equal(isChanged(typed), true);
  assert.deepEqual(unsaved(), [typed]);
  forget(typed);
  assert.equal(at("4"), undefined);
});

test("of a new resource each patient has a draft of their own", () => {
  keep(newDraft("Condition", "{}", "4"));
  assert.ok(draftAt({ type: "Condition", id: null, patient: "4" }));
  assert.equal(draftAt({ type: "Condition", id: null, patient: "5" }), undefined);
  assert.equal(draftAt({ type: "Condition", id: null, patient: null }), undefined);
  // A stored one is the same from every record.
  keep(draftOf("Condition", STORED, "4"));
  assert.equal(draftAt({ type: "Condition", id: "4", patient: null })?.patient, "4");
});

test("only a text that was not typed is one that the editor takes over", () => {
  const draft = newDraft("Patient", "{}");
  const replaced = withText(draft, "{ }");
  assert.deepEqual([replaced.text, replaced.origin, replaced.revision > draft.revision], ["{ }", "{}", true]);
  assert.notEqual(draftOf("Patient", STORED).revision, draftOf("Patient", STORED).revision);
});

test("another token leaves a draft as it is; signing out forgets it", () => {
  keep(newDraft("Patient", "{}"));
  begin(token(), "", null);
  assert.ok(at(null));
  end();
  assert.equal(at(null), undefined);
});

test("a starter is of its type, about the patient and of the day that are given", () => {
  const { resourceType, subject, onsetDateTime } = JSON.parse(starterOf("Condition", "4", "2026-11-26")) as Record<string, unknown>;
  assert.deepEqual([resourceType, subject, onsetDateTime], ["Condition", { reference: "Patient/4" }, "2026-11-26"]);
});

test("every type of a record but the patient and the medication is about a patient, and none of the directory", () => {
  const about = SERVED_TYPES.filter((each) => each.writable && !each.directory && !["Patient", "Medication"].includes(each.name));
  assert.deepEqual(SERVED_TYPES.filter((each) => needsPatient(each.name)), about);
});
