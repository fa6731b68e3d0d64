import assert from "node:assert/strict";
import { test } from "node:test";

import { carries, type Exchange, KEPT_EXCHANGES, withExchange } from "../src/service/exchange.ts";

const ONE: Exchange = {
  id: 1,
  at: 0,
  method: "GET",
  url: "http://x.example/",
  headers: {},
  body: "",
  status: 0,
  answerHeaders: {},
  answer: "",
  milliseconds: 0,
  state: "under way",
};

test("an exchange takes its own place again when it is answered", () => {
  const list = withExchange(withExchange([], ONE), { ...ONE, id: 2 });

  assert.deepEqual(withExchange(list, { ...ONE, status: 200 }).map((each) => [each.id, each.status]), [[1, 200], [2, 0]]);
});

test("the oldest are forgotten", () => {
  let list: readonly Exchange[] = [];
  for (let id = 1; id <= KEPT_EXCHANGES + 5; id++) list = withExchange(list, { ...ONE, id });

  assert.deepEqual([list.length, list[0]?.id], [KEPT_EXCHANGES, 6]);
});

test("a request carries a token in a header or in its body", () => {
  assert.equal(carries({ ...ONE, headers: { Authorization: "Bearer a.b.c" } }, "a.b.c"), true);
  assert.equal(carries({ ...ONE, body: "token=a.b.c" }, "a.b.c"), true);
  assert.equal(carries({ ...ONE, answer: "a.b.c" }, "a.b.c"), false);
});
