import assert from "node:assert/strict";
import { test } from "node:test";

import type { SearchParameter } from "../src/fhir/capabilities.ts";
import { syntaxOf } from "../src/fhir/parameter-syntax.ts";
import { comparisonsOf } from "../src/rooms/explore/comparisons.ts";
import {
  alternativesOf,
  type Criterion,
  emptyCriterion,
  emptyForm,
  NO_SYSTEM,
  pairOf,
  pairsOf,
  queryOf,
  readableQuery,
} from "../src/rooms/explore/criteria.ts";

const PERFORMER = "performer: `4`, `Type/4` or an absolute URL. Modifiers: `:Practitioner`, `:RelatedPerson`, `:missing`. Chains such as `performer.identifier`. A comma means or.";
const WEIGHT = "valueQuantity: `number`, `number|system|code` or `number||unit`, the unit's code or its printed form after `eq ne gt lt ge le sa eb ap`. Modifiers: `:missing`. A comma means or.";
const PHONE = "telecom(system=phone).value: `code`, `system|code`, `|code` or `system|`. Modifiers: `:not`, `:missing`. A comma means or.";
const BOTH = "component: The values of its parts, joined by `$`. Modifiers: none. Parts: `component-code`, `component-value-quantity`. A comma means or.";

function pair(type: SearchParameter["type"], more: Partial<Criterion>) {
  return pairOf({ ...emptyCriterion("p"), ...more }, { name: "p", type });
}

test("what a parameter takes is read out of its documentation", () => {
  assert.deepEqual(syntaxOf({ documentation: PERFORMER }), {
    paths: "performer",
    value: "4, Type/4 or an absolute URL",
    modifiers: ["missing"],
    targets: ["Practitioner", "RelatedPerson"],
    prefixes: [],
    parts: [],
  });
  const weight = syntaxOf({ documentation: WEIGHT });
  assert.deepEqual([weight.prefixes.length, weight.modifiers], [9, ["missing"]]);
  assert.match(weight.value, /its printed form$/);
  assert.deepEqual([syntaxOf({ documentation: PHONE }).paths, syntaxOf({ documentation: PHONE }).modifiers], [
    "telecom(system=phone).value",
    ["not", "missing"],
  ]);
  assert.deepEqual(syntaxOf({ documentation: BOTH }).parts, ["component-code", "component-value-quantity"]);
  assert.deepEqual(syntaxOf({}), { paths: "", value: "", modifiers: [], targets: [], prefixes: [], parts: [] });
});

test("the ways to compare are those that are taken, and a way without words is not left out", () => {
  const how = (documentation: string, type: SearchParameter["type"]) =>
    comparisonsOf({ name: "p", type, documentation }).map(([each]) => each);
  assert.deepEqual(how(PHONE, "token"), ["", "not", "missing:true", "missing:false"]);
  assert.deepEqual(how(WEIGHT, "quantity"), ["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap", "missing:true", "missing:false"]);
  assert.deepEqual(how(BOTH, "composite"), [""]);
  assert.deepEqual(comparisonsOf({ name: "p", type: "token", documentation: "x: y. Modifiers: `:in`." }).at(-1), ["in", ":in"]);
});

test("a comma means or, unless it is escaped; what else has a meaning is escaped", () => {
  assert.deepEqual(alternativesOf("a, b,,c"), ["a", "b", "c"]);
  assert.deepEqual(alternativesOf("Smith\\, John"), ["Smith\\, John"]);
  assert.deepEqual(alternativesOf("a|b$c\\d"), ["a\\|b\\$c\\\\d"]);
  assert.deepEqual(alternativesOf("  "), []);
});

test("each type of parameter is written as STU3 has it, for each of several values", () => {
  assert.deepEqual(pair("string", { value: "o'neil", how: "exact" }), ["p:exact", "o'neil"]);
  assert.deepEqual(pair("token", { value: "a,b", system: "http://s" }), ["p", "http://s|a,http://s|b"]);
  assert.deepEqual(pair("token", { system: "http://s" }), ["p", "http://s|"]);
  assert.deepEqual(pair("token", { value: "a", system: NO_SYSTEM, how: "not" }), ["p:not", "|a"]);
  assert.equal(pair("token", { system: NO_SYSTEM }), null);
  assert.deepEqual(pair("date", { value: "2017, 2019-05", how: "ge" }), ["p", "ge2017,ge2019-05"]);
  assert.deepEqual(pair("quantity", { value: "5.40", how: "lt", unit: "mmol/L", system: "http://u" }), ["p", "lt5.40|http://u|mmol/L"]);
  assert.deepEqual(pair("quantity", { value: "5", unit: "kg" }), ["p", "5||kg"]);
  assert.deepEqual(pair("quantity", { value: "5" }), ["p", "5"]);
  assert.deepEqual(pair("reference", { value: "4,5", target: "Patient" }), ["p", "Patient/4,Patient/5"]);
  assert.deepEqual(pair("reference", { value: "Group/4,https://x/Patient/5", target: "Patient" }), ["p", "Group/4,https://x/Patient/5"]);
  assert.deepEqual(pair("composite", { value: "8480-6$gt140" }), ["p", "8480-6$gt140"]);
  assert.deepEqual(pair("uri", { value: "http://x/y" }), ["p", "http://x/y"]);
});

test("missing takes yes or no and no value; what is not filled in says nothing", () => {
  assert.deepEqual(pair("date", { how: "missing:false", value: "2017" }), ["p:missing", "false"]);
  assert.equal(pair("date", { how: "ge", value: " " }), null);
  assert.deepEqual(pair("date", { value: "14/06/2024, 2025", how: "le" }), ["p", "le2024-06-14,le2025"]);
  assert.equal(pair("token", {}), null);
  assert.deepEqual(pairOf({ ...emptyCriterion(""), name: " patient.name ", value: "a|b,c" }, undefined), ["patient.name", "a|b,c"]);
  assert.equal(pairOf({ ...emptyCriterion(""), value: "a" }, undefined), null);
  assert.equal(pairOf({ ...emptyCriterion("gone"), value: "a" }, undefined), null);
});

test("a form begins with what a type is usually searched by, and says the rest only where it is chosen", () => {
  const parameters: readonly SearchParameter[] = [
    { name: "_id", type: "token" },
    { name: "code", type: "token" },
    { name: "patient", type: "reference" },
  ];
  const form = emptyForm(parameters);
  assert.deepEqual(form.criteria.map((each) => each.parameter), ["patient", "code"]);
  assert.deepEqual(pairsOf(form, parameters), []);

  const [patient, code] = form.criteria as [Criterion, Criterion];
  const filled = {
    criteria: [{ ...code, value: "a" }, { ...patient, value: "4" }],
    includes: ["Observation:patient"],
    reverseIncludes: ["Condition:encounter"],
    sort: "date",
    isDescending: true,
    count: "50",
    summary: "",
    elements: "code, status",
  };
  assert.equal(
    queryOf("Observation", pairsOf(filled, parameters)),
    "Observation?code=a&patient=4&_include=Observation:patient&_revinclude=Condition:encounter&_sort=-date&_count=50&_elements=code,status",
  );
});

test("a query is encoded as it is sent, and read with its signs", () => {
  const pairs = [["identifier", "http://s|a&b c+d=e%"], ["date", "ge2017-10-19T08:00+01:00"]] as const;
  assert.equal(queryOf("Patient", pairs), "Patient?identifier=http://s%7Ca%26b%20c%2Bd%3De%25&date=ge2017-10-19T08:00%2B01:00");
  assert.equal(readableQuery("Patient", pairs), "Patient?identifier=http://s|a%26b c%2Bd%3De%25&date=ge2017-10-19T08:00%2B01:00");
  assert.equal(queryOf("Patient", []), "Patient");
});
