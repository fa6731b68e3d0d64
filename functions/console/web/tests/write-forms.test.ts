import assert from "node:assert/strict";
import { test } from "node:test";

import { faultsAtFields, faultsIn } from "../src/rooms/write/forms/checks.ts";
import type { Form, Values } from "../src/rooms/write/forms/form.ts";
import { FORMS, resourceText } from "../src/rooms/write/forms/forms.ts";
import { READINGS } from "../src/rooms/write/forms/readings.ts";
import { isSnomedCode } from "../src/rooms/write/forms/snomed-code.ts";
import { FORM_TYPES, type FormType } from "../src/rooms/write/forms/titles.ts";
import { dateTimeOf } from "../src/rooms/write/forms/uk-time.ts";
import { EXAMPLES, sent, TODAY } from "./form-examples.ts";

function faults(type: FormType, values: Values): Record<string, string> {
  return Object.fromEntries(faultsIn(FORMS[type].fields(values), values, TODAY));
}

function resource(type: FormType, values: Values): Record<string, unknown> {
  return JSON.parse(resourceText(type, values, { patient: "4", today: TODAY, once: null })) as Record<string, unknown>;
}

test("a form begins without any value that only a person can know, and asks for each", () => {
  const needed = FORM_TYPES.map((type) => [type, Object.keys(faults(type, FORMS[type].begin(TODAY)))]);
  assert.deepEqual(needed, [
    ["Patient", ["name-0-family", "gender"]],
    ["Observation", ["reading"]],
    ["Condition", ["text", "certainty"]],
    ["AllergyIntolerance", ["text", "criticality", "certainty"]],
    ["MedicationStatement", ["text", "use"]],
    ["Immunization", ["text", "date", "source"]],
  ]);
});

test("every example can be sent, is of a form, and is about the patient who was chosen", () => {
  assert.deepEqual(new Set(EXAMPLES.map(([type]) => type)), new Set(FORM_TYPES));
  for (const [type, values] of EXAMPLES) {
    assert.deepEqual(faults(type, { ...FORMS[type].begin(TODAY), ...values }), {}, JSON.stringify(values));
    const { subject, patient, resourceType } = JSON.parse(sent(type, values, "p-1")) as Record<string, unknown>;
    assert.deepEqual([resourceType, subject ?? patient], [type, type === "Patient" ? undefined : { reference: "Patient/p-1" }]);
  }
});

test("every field has a place in the resource, so that a server's fault can stand at it", () => {
  for (const type of FORM_TYPES) {
    for (const values of [{}, { status: "resolved", use: "stopped", given: "no", reaction: "Rash", reading: "blood-pressure" }]) {
      for (const { name, at } of FORMS[type].fields(values)) {
        assert.ok(name === "time" || at.every((each) => each.startsWith(`${type}.`)), `${type} ${name}`);
        assert.ok(name === "time" || at.length > 0, `${type} ${name}`);
      }
    }
  }
});

test("a reading has codes of LOINC and SNOMED CT, a unit of UCUM, and the digits that were typed", () => {
  const text = resourceText("Observation", { reading: "weight", "value-0": "072.50", date: "2026-11-26", time: "" }, { patient: "4", today: TODAY, once: "urn:uuid:1" });
  assert.match(text, /"value": 72\.50,/);
  const { identifier, status, category, code, effectiveDateTime, valueQuantity, component } = JSON.parse(text) as Record<string, unknown>;
  assert.deepEqual(identifier, [{ system: "urn:ietf:rfc:3986", value: "urn:uuid:1" }]);
  assert.deepEqual([status, effectiveDateTime, component], ["final", "2026-11-26", undefined]);
  assert.deepEqual(category, [{ coding: [{ system: "http://hl7.org/fhir/observation-category", code: "vital-signs", display: "Vital Signs" }] }]);
  assert.deepEqual(code, {
    coding: [
      { system: "http://loinc.org", code: "29463-7", display: "Body weight" },
      { system: "http://snomed.info/sct", code: "27113001", display: "Body weight" },
    ],
  });
  assert.deepEqual(valueQuantity, { value: 72.5, unit: "kg", system: "http://unitsofmeasure.org", code: "kg" });
});

test("a blood pressure has two components and no value of its own", () => {
  const values = { reading: "blood-pressure", "value-0": "120", "value-1": "80", date: TODAY };
  const { valueQuantity, component } = resource("Observation", values) as { valueQuantity?: unknown; component: { valueQuantity: { value: number; code: string } }[] };
  assert.equal(valueQuantity, undefined);
  assert.deepEqual(component.map((each) => [each.valueQuantity.value, each.valueQuantity.code]), [[120, "mm[Hg]"], [80, "mm[Hg]"]]);
  assert.equal(FORMS.Observation.summary(values), "Blood pressure 120/80 mmHg");
});

test("codes of SNOMED CT are told by their check digits, those of the table too", () => {
  for (const { snomed, components = [] } of Object.values(READINGS)) {
    for (const [code = ""] of [snomed, ...components.map((each) => each.snomed)]) assert.ok(isSnomedCode(code), code);
  }
  for (const code of ["27113002", "2711300", "27113001x", "", "2071984018"]) assert.equal(isSnomedCode(code), false, code);
});

test("codes of LOINC in the table have the right check digits", () => {
  // Modulus 10, as LOINC's Users' Guide has it (Appendix C).
  const isLoinc = (code: string) => {
    const [digits = "", check] = code.split("-");
    const sum = Array.from(digits).reverse().flatMap((digit, at) => Array.from(String(Number(digit) * (at % 2 ? 1 : 2)))).reduce((total, digit) => total + Number(digit), 0);
    return String((10 - (sum % 10)) % 10) === check;
  };
  for (const { loinc, components = [] } of Object.values(READINGS)) {
    for (const [code = ""] of [loinc, ...components.map((each) => each.loinc)]) assert.ok(isLoinc(code), code);
  }
  assert.equal(isLoinc("29463-8"), false);
});

test("what is wrong is said at its field", () => {
  const reading = (typed: string) => faults("Observation", { reading: "weight", "value-0": typed, date: TODAY })["value-0"];
  assert.match(reading("") ?? "", /needed/);
  for (const typed of ["72,5", "1e2", "-3", "heavy", "7 2", "1.2.3"]) assert.match(reading(typed) ?? "", /number/, typed);
  for (const typed of ["0.1", "651"]) assert.match(reading(typed) ?? "", /nobody/, typed);
  for (const typed of ["72", " 72.5 ", "0.2", "650"]) assert.equal(reading(typed), undefined, typed);
  const unitAsked = (name: string, typed: string) => faults("Observation", { reading: name, "value-0": typed, date: TODAY })["value-0"] ?? "";
  for (const [name, typed, unit] of [["hba1c", "6.9", "%"], ["temperature", "98.6", "°F"], ["height", "1.75", "metres"]] as const) assert.ok(unitAsked(name, typed).includes(`Is it in ${unit}?`), name);
  assert.doesNotMatch(unitAsked("hba1c", "251"), /Is it in/);
  assert.match(faults("Observation", { reading: "weight", "value-0": "72", date: "2026-11-27" })["date"] ?? "", /future/);
  assert.match(faults("Condition", { text: "x", certainty: "confirmed", code: "1234567" })["code"] ?? "", /SNOMED/);
});

test("a server's fault stands at the field that fills its element, the nearest one; others are of no field", () => {
  const placed = (type: FormType, values: Values, where: string) => {
    const { atFields, others } = faultsAtFields([{ text: "wrong", where }], FORMS[type].fields(values));
    return [...atFields.keys(), ...others.map(() => "-")][0];
  };
  const pressure = { reading: "blood-pressure" };
  assert.deepEqual(
    [
      placed("Observation", pressure, "Observation.component[1].valueQuantity.value"),
      placed("Observation", pressure, "Observation.component[0].value"),
      placed("Observation", { reading: "weight" }, "Observation.valueQuantity.value"),
      placed("Observation", pressure, "Observation.effective"),
      placed("Observation", pressure, "Observation.subject"),
      placed("Condition", {}, "Condition.code.coding[0].code"),
      placed("Condition", {}, "Condition.code.text"),
      placed("Condition", {}, "Condition.noted"),
      placed("Immunization", { given: "no" }, "Immunization.explanation.reasonNotGiven[0]"),
      placed("Observation", {}, ""),
    ],
    ["value-1", "value-0", "value-0", "date", "-", "code", "text", "-", "reason", "-"],
  );
});

test("what a form no longer shows is not sent", () => {
  const over: Form = FORMS.Condition;
  assert.ok(over.fields({ status: "resolved" }).some((each) => each.name === "end"));
  assert.equal(resource("Condition", { text: "x", status: "active", certainty: "confirmed", end: "2021-01-01" })["abatementDateTime"], undefined);
  const given = resource("Immunization", { text: "x", given: "yes", reason: "Refused", batch: "1", date: TODAY, source: "primary" });
  assert.deepEqual([given["explanation"], given["lotNumber"], given["notGiven"], given["primarySource"]], [undefined, "1", false, true]);
  const not = resource("Immunization", { text: "x", given: "no", reason: "Refused", batch: "1", date: TODAY, source: "reported" });
  assert.deepEqual([not["explanation"], not["lotNumber"], not["primarySource"]], [{ reasonNotGiven: [{ text: "Refused" }] }, undefined, false]);
});

test("a medicine is told by status and taken", () => {
  const told = ["now", "unknown", "completed", "stopped"].map((use) => {
    const { status, taken } = resource("MedicationStatement", { text: "x", use });
    return [status, taken];
  });
  assert.deepEqual(told, [["active", "y"], ["active", "unk"], ["completed", "y"], ["stopped", "n"]]);
});

test("times are of the United Kingdom, in summer and winter", () => {
  assert.equal(dateTimeOf("2026-07-01", "09:30"), "2026-07-01T09:30:00+01:00");
  assert.equal(dateTimeOf("2026-11-26", "00:05"), "2026-11-26T00:05:00+00:00");
  // The hour that no clock has, and the one that is there twice.
  assert.equal(dateTimeOf("2026-03-29", "01:30"), "2026-03-29T01:30:00+00:00");
  assert.equal(dateTimeOf("2026-10-25", "01:30"), "2026-10-25T01:30:00+01:00");
  assert.equal(dateTimeOf("2026-11-26", ""), "2026-11-26");
});
