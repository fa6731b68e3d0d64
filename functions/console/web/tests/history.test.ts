import assert from "node:assert/strict";
import { test } from "node:test";

import type { Bundle, BundleEntry } from "../src/fhir/datatypes.ts";
import { neighbours, versionsOf } from "../src/fhir/history.ts";

function entry(method: string, status: string, version: number): BundleEntry {
  const versionId = String(version);
  const response = { status, etag: `W/"${version}"`, lastModified: `2026-11-26T03:38:5${version}.054Z` };
  const request = { method, url: "Condition/h1" };
  if (method === "DELETE") return { request, response };
  return { request, response, resource: { resourceType: "Condition", id: "h1", meta: { versionId } } };
}

const HISTORY: Bundle = {
  resourceType: "Bundle",
  type: "history",
  entry: [entry("DELETE", "204", 5), entry("PUT", "201", 4), entry("DELETE", "204", 3), entry("PUT", "200", 2), entry("PUT", "201", 1)],
};

test("a history says what was done, newest first, and a deletion has no content", () => {
  const versions = versionsOf(HISTORY);
  assert.deepEqual(
    versions.map((each) => [each.number, each.deed, each.resource === null]),
    [
      ["5", "deleted", true],
      ["4", "brought back", false],
      ["3", "deleted", true],
      ["2", "changed", false],
      ["1", "created", false],
    ],
  );
  assert.equal(versions[0]?.at, "2026-11-26T03:38:55.054Z");
  assert.deepEqual(versionsOf({ resourceType: "Bundle", type: "history" }), []);
});

test("a POST creates, and what a server leaves out is read from the version itself", () => {
  const resource = { resourceType: "Condition", meta: { versionId: "1", lastUpdated: "2026-01-01T00:00:00Z" } };
  const [version] = versionsOf({ resourceType: "Bundle", type: "history", entry: [{ resource, request: { method: "POST", url: "Condition" } }] });
  assert.deepEqual(version, { number: "1", at: "2026-01-01T00:00:00Z", deed: "created", resource });
});

test("neighbours are those with content, deletions between them left out", () => {
  const versions = versionsOf(HISTORY);
  assert.deepEqual(neighbours(versions), { from: "2", to: "4" });
  assert.deepEqual(neighbours(versions, "2"), { from: "1", to: "2" });
  assert.equal(neighbours(versions, "1"), null);
  assert.equal(neighbours(versions, "5"), null);
  assert.equal(neighbours([]), null);
});
