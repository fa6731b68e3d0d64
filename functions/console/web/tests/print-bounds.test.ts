import assert from "node:assert/strict";
import { test } from "node:test";

import { type Item, type Printable, printBounds } from "../src/rooms/record/summary/print-bounds.ts";

const NOTHING: Printable = { head: [["Born"]], allergies: [], medicines: [], problems: [], values: [], changes: [], charts: [] };

function items(count: number, length = 30): readonly Item[] {
  return Array.from({ length: count }, () => ["x".repeat(length), "since 2 Jul 2022"]);
}

test("a usual record is printed whole", () => {
  const record = { ...NOTHING, allergies: items(2), medicines: items(6), problems: items(8), values: items(8), changes: items(6), charts: items(3) };
  assert.deepEqual(printBounds(record), { problems: 8, values: 8, changes: 6, charts: 3, isLong: false });
});

test("more medicines leave less room for what is listed beside them, and none for charts", () => {
  const record = { ...NOTHING, problems: items(60), values: items(12), changes: items(6), charts: items(5) };
  const [few, many] = [4, 30].map((count) => printBounds({ ...record, medicines: items(count) }));
  assert.ok(few && many);
  assert.equal(few.charts, 3);
  assert.ok(few.problems >= 8 && few.problems < 60);
  assert.deepEqual([many.charts, many.isLong], [0, false]);
  assert.ok(many.problems > 0);
});

test("longer texts leave room for fewer", () => {
  const [short, long] = [30, 300].map((length) => printBounds({ ...NOTHING, problems: items(60, length) }).problems);
  assert.ok(short && long && long < short);
});

test("one text without end takes no page, and says so by what is left", () => {
  assert.equal(printBounds({ ...NOTHING, problems: [["x".repeat(100_000)], ...items(3)] }).problems, 0);
});

test("allergies and medicines over two pages have more, and others a page beside them", () => {
  for (const safe of [{ medicines: items(90) }, { allergies: items(20), medicines: items(60) }, { allergies: items(80) }]) {
    const bounds = printBounds({ ...NOTHING, ...safe, problems: items(60), values: items(4) });
    assert.ok(bounds.isLong);
    assert.ok(bounds.problems >= 5 && bounds.problems < 60);
    assert.equal(bounds.values, 4);
  }
});
