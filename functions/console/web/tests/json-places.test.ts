import assert from "node:assert/strict";
import { test } from "node:test";

import { faultsOf, laidOut, rangeOf, withId } from "../src/fhir/json-places.ts";

const OBSERVATION = `{
  "resourceType": "Observation",
  "id": "1",
  "status": "x",
  "_status": { "id": 3 },
  "contained": [{ "resourceType": "Patient", "birthDate": "y" }],
  "performer": [{ "reference": "Practitioner/nope" }, { "reference": "Patient/4" }],
  "valueString": "a",
  "component": [
    { "code": { "text": "a" }, "valueQuantity": { "value": "x" } },
    { "valueString": 1 }
  ]
}`;

function marked(text: string, expression: string): string | null {
  const range = rangeOf(text, expression);
  return range && text.slice(range.from, range.to);
}

test("an expression leads to its value", () => {
  assert.equal(marked(OBSERVATION, "Observation.status"), '"x"');
  assert.equal(marked(OBSERVATION, "Observation.contained[0].birthDate"), '"y"');
  assert.equal(marked(OBSERVATION, "Observation.component[1].valueString"), "1");
  assert.equal(marked(OBSERVATION, "id"), '"1"');
});

test("an object is marked by its name, one of a list by its beginning: not over all of its lines", () => {
  assert.equal(marked(OBSERVATION, "Observation.component"), '"component"');
  const second = rangeOf(OBSERVATION, "Observation.performer[1]");
  assert.deepEqual(second, { from: OBSERVATION.indexOf('{ "reference": "Patient/4"'), to: OBSERVATION.indexOf('"reference": "Patient/4"') - 1 });
});

test("what is missing is marked at what it is missing in", () => {
  assert.deepEqual(rangeOf(OBSERVATION, "Observation.code"), { from: 0, to: 1 });
  const second = OBSERVATION.indexOf('{ "valueString": 1');
  assert.deepEqual(rangeOf(OBSERVATION, "Observation.component[1].code"), { from: second, to: second + 1 });
  assert.equal(marked(OBSERVATION, "Observation.component[7].code"), '"component"');
});

test("a choice is found by its name without the type, a primitive's own object by the primitive's", () => {
  assert.equal(marked(OBSERVATION, "Observation.value"), '"a"');
  assert.equal(marked(OBSERVATION, "Observation.component[0].value.value"), '"x"');
  assert.equal(marked(OBSERVATION, "Observation.status.id"), "3");
  const names = '{"name": [{"given": ["a", "b"], "_given": [null, {"id": 4}]}]}';
  assert.equal(marked(names, "Patient.name[0].given[1].id"), "4");
  assert.equal(marked(names, "Patient.name[0].given[1]"), '"b"');
  assert.equal(marked('{"_birthDate": {"id": 4}}', "Patient.birthDate.id"), "4");
});

test("what is no place in the text has none", () => {
  for (const each of ["http.If-Match", "nothing", "Observation.value.ofType(Quantity)", ""]) {
    assert.equal(rangeOf(OBSERVATION, each), null, each);
  }
  assert.equal(rangeOf("", "Patient.name"), null);
  assert.equal(rangeOf("[]", "Patient.name"), null);
});

test("a place is found in a text that is broken behind it", () => {
  assert.equal(marked('{"name": [{"family": 3}], "gender": ', "Patient.name[0].family"), "3");
});

test("valid JSON has no faults", () => {
  assert.deepEqual(faultsOf(OBSERVATION), []);
  assert.deepEqual(faultsOf('{"a": [{"b": 1}, {"b": 1}], "b": 1}'), []);
});

const BROKEN: readonly (readonly [text: string, place: string, words: RegExp])[] = [
  ['{"a": 1 "b": 2}', '"b"', /comma is missing/],
  ['{"a": }', "}", /value is missing/],
  ['{"a": x}', "x", /no value of JSON/],
  ['{"a": 1,}', "}", /name is missing/],
  ['{"a" 1}', "1", /colon is missing/],
  ['{"a": "b\n}', '"b', /closing quote/],
  ['{"a": 1 /* b */}', "/* b */", /no comments/],
  ['{"a": 1} {', "{", /has ended/],
  ['{"a": [1', "1", /closing ] is missing/],
  ['{"a": 1', "1", /closing } is missing/],
  ["[]", "[", /JSON object/],
  ["12", "12", /JSON object/],
  ['{"a": 1, "b": {"c": 1, "c": 2}}', '"c"', /there twice/],
];

for (const [text, place, words] of BROKEN) {
  test(`what is wrong with ${JSON.stringify(text)} is said at its place`, () => {
    const [first] = faultsOf(text);
    assert.ok(first);
    assert.match(first.text, words);
    assert.equal(text.slice(first.from, first.to), place);
  });
}

test("of a member that is there twice, the second is marked", () => {
  assert.deepEqual(faultsOf('{"a":1,"a":2}').map((each) => each.from), [7]);
});

test("an empty text is told as one", () => {
  for (const text of ["", " \n"]) assert.match(faultsOf(text)[0]?.text ?? "", /nothing yet/);
});

test("laid out anew, decimals keep their digits and members their order", () => {
  assert.equal(laidOut('{"b":1.10,"a":[1e3]}'), '{\n  "b": 1.10,\n  "a": [\n    1e3\n  ]\n}');
  assert.equal(laidOut('{"b":'), '{"b":');
});

test("an id is said behind the type, or in the place of another", () => {
  assert.equal(laidOut(withId('{"resourceType":"Patient","active":true}', "7")), laidOut('{"resourceType":"Patient","id":"7","active":true}'));
  assert.equal(withId('{"resourceType":"Patient","id":"1","x":1.10}', "7"), '{"resourceType":"Patient","id":"7","x":1.10}');
});
