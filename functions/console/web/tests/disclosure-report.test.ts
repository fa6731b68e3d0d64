/** The disclosure report's period, and what it asks the server for. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { faultsOf, latestPeriod, periodOf, periodText, timesText } from "../src/rooms/audit/period.ts";
import { reportPlanOf } from "../src/rooms/audit/plan.ts";
import { clientText } from "../src/rooms/audit/client-text.ts";

const OCTOBER = { from: "2026-10-01", to: "2026-10-31" };

test("a period is two days, the first not after the last, and is in the room's address", () => {
  assert.deepEqual(periodOf(["2026-10-01", "2026-10-31"]), OCTOBER);
  assert.deepEqual(periodOf(["2026-10-01", "2026-10-01"]), { from: "2026-10-01", to: "2026-10-01" });
  for (const wrong of [[], ["2026-10-01"], ["2026-10-31", "2026-10-01"], ["2026-13-01", "2026-13-02"], ["x", "y"]]) assert.equal(periodOf(wrong), null);
  assert.deepEqual(faultsOf({ from: "", to: "" }), { from: "Give a day.", to: "Give a day." });
  assert.deepEqual(faultsOf({ from: "2026-10-31", to: "2026-10-01" }), { from: "", to: "This is before the first day." });
  assert.deepEqual(latestPeriod(Date.parse("2026-12-01T00:30:00Z")), { from: "2026-11-01", to: "2026-12-01" });
});

test("days and times are told in UTC, also in summer", () => {
  assert.equal(periodText(OCTOBER), "1 Oct 2026 to 31 Oct 2026");
  assert.equal(periodText({ from: "2026-10-01", to: "2026-10-01" }), "1 Oct 2026");
  assert.equal(timesText("2026-06-05T23:30:00.100Z", "2026-06-05T23:30:00.900Z"), "5 Jun 2026, 23:30:00");
  assert.equal(timesText("2026-06-05T23:30:00Z", "2026-06-05T23:41:12Z"), "5 Jun 2026, 23:30:00 to 23:41:12");
  assert.equal(timesText("2026-06-05T23:59:00Z", "2026-06-06T00:01:00Z"), "5 Jun 2026, 23:59:00 to 6 Jun 2026, 00:01:00");
});

test("a report asks for the events of its period, and for whom they are if the token tells", () => {
  const asked = (scope: string, bound?: string) => reportPlanOf("4", OCTOBER, scope, bound).portions.map((each) => each.query);
  const events = "AuditEvent?patient=4&date=ge2026-10-01&date=le2026-10-31&_count=100";
  assert.deepEqual(asked("system/AuditEvent.read"), [events]);
  assert.deepEqual(asked("system/AuditEvent.read system/Patient.s"), ["Patient?_id=4", events]);
  assert.deepEqual(asked("system/AuditEvent.read system/Patient.r"), ["Patient/4", events]);
  assert.deepEqual(asked("patient/AuditEvent.read", "4"), [events]);
  assert.deepEqual(asked("system/Patient.read"), []);
  assert.deepEqual([...reportPlanOf("4", OCTOBER, "system/*.read", undefined).closed.keys()], ["AuditEvent"]);
});

test("a client is told by its name and its id, so that two of one name are two", () => {
  assert.equal(clientText("ward-7", "Ward 7: nurses"), "Ward 7 (ward-7)");
  assert.equal(clientText("ward-7", ""), "ward-7");
  assert.equal(clientText("", ""), "not known");
});
