import assert from "node:assert/strict";
import { test } from "node:test";

import { pathOfEditor, pathToWriteAbout, writePlaceOf } from "../src/rooms/write/place.ts";

test("an address says for whom something is written, and nobody is chosen by any other", () => {
  const cases: readonly (readonly [path: string, bound: string | undefined, patient: string | null, type: string | undefined, id: string | null, isForm: boolean])[] = [
    ["", undefined, null, undefined, null, false],
    ["for/4", undefined, "4", undefined, null, false],
    ["for/4/Observation", undefined, "4", "Observation", null, true],
    ["for/4/Observation/editor", undefined, "4", "Observation", null, false],
    ["for/4/Procedure", undefined, "4", "Procedure", null, false],
    ["for/4/Location", undefined, null, "Location", null, false],
    ["Observation", undefined, null, "Observation", null, true],
    ["Observation", "7", "7", "Observation", null, true],
    ["Observation/12", "7", null, "Observation", "12", false],
    ["Location", "7", null, "Location", null, false],
    ["", "7", "7", undefined, null, false],
    ["for", undefined, null, undefined, null, false],
  ];
  for (const [path, bound, patient, type, id, isForm] of cases) {
    assert.deepEqual(writePlaceOf(path.split("/").filter((each) => each), bound), { patient, type, id, isForm }, `${path} ${bound ?? ""}`);
  }
});

test("paths lead where they say", () => {
  assert.deepEqual(writePlaceOf(pathToWriteAbout("a.b", "Condition"), undefined), { patient: "a.b", type: "Condition", id: null, isForm: true });
  for (const place of [{ type: "Condition", id: null, patient: "4" }, { type: "Patient", id: null, patient: null }]) {
    assert.deepEqual(writePlaceOf(pathOfEditor(place), undefined), { ...place, isForm: false });
  }
  assert.equal(writePlaceOf(pathOfEditor({ type: "Condition", id: "9", patient: "4" }), undefined).id, "9");
});
