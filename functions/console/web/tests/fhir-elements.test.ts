import assert from "node:assert/strict";
import { test } from "node:test";

import { membersOf, metaMembersOf, narrativeText, valueOf } from "../src/fhir/elements.ts";
import { jsonLines } from "../src/fhir/json-lines.ts";
import { elementLabel, extensionLabel, systemName, wordsOf } from "../src/fhir/labels.ts";
import { titleOf } from "../src/fhir/titles.ts";
import { xmlLines } from "../src/fhir/xml-text.ts";

const SNOMED = "http://snomed.info/sct";
const STATUS = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1";

test("names are told in words", () => {
  assert.equal(wordsOf("NHSNumberVerificationStatus"), "NHS number verification status");
  assert.equal(wordsOf("_lastUpdated"), "Last updated");
  assert.equal(elementLabel("birthDate"), "Birth date");
  assert.equal(elementLabel("effectiveDateTime"), "Effective");
  assert.equal(elementLabel("valueSampledData"), "Value");
  assert.equal(elementLabel("valueSet"), "Value set");
  assert.equal(extensionLabel(STATUS), "NHS number verification status");
  assert.equal(extensionLabel("http://hl7.org/fhir/StructureDefinition/birthPlace"), "Birth place");
  assert.equal(extensionLabel(""), "");
  assert.equal(systemName(SNOMED), "SNOMED CT");
  assert.equal(systemName("https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-EthnicCategory-1"), "EthnicCategory");
  assert.equal(systemName("urn:oid:1.2.3"), "urn:oid:1.2.3");
});

test("a concept has its codes below it, and a display only where it says something else", () => {
  const concept = {
    text: "Asthma",
    coding: [
      { system: SNOMED, code: "195967001", display: "Asthma" },
      { system: "http://read.info/ctv3", code: "H33..", display: "Bronchial asthma" },
    ],
  };

  assert.deepEqual(valueOf(concept).notes, [
    { text: "SNOMED CT 195967001", whole: SNOMED },
    { text: "ctv3 H33.. Bronchial asthma", whole: "http://read.info/ctv3" },
  ]);
});

test("a value has a line of text, with what belongs to it below", () => {
  assert.deepEqual(
    valueOf({ system: "https://records.example.org/Id/patient", value: "4-1", use: "secondary" }).notes.map((each) => each.text),
    ["https://records.example.org/Id/patient", "secondary"],
  );
  assert.deepEqual(valueOf({ system: "phone", value: "01632 960304", use: "home" }).notes, []);
  assert.deepEqual(valueOf({ value: 148, unit: "mmHg", system: "http://unitsofmeasure.org", code: "mm[Hg]" }).notes, [
    { text: "UCUM mm[Hg]", whole: "http://unitsofmeasure.org" },
  ]);
  const name = valueOf({ use: "maiden", family: "Llewellyn", period: { end: "1994" } });
  assert.deepEqual([name.text, ...name.notes.map((each) => each.text)], ["Llewellyn", "maiden", "until 1994"]);
  const reference = valueOf({ reference: "Practitioner/gp-1", display: "Dr Ash" });
  assert.deepEqual([reference.text, reference.reference, reference.notes[0]?.text], ["Dr Ash", "Practitioner/gp-1", "Practitioner/gp-1"]);
  assert.deepEqual(valueOf(null), { text: "", reference: "", notes: [], parts: [] });
});

test("what has no line of its own is drawn in parts, and a contained resource under its name", () => {
  const [component] = membersOf({
    resourceType: "Observation",
    component: [{ code: { text: "Systolic" }, valueQuantity: { value: 148, unit: "mmHg" } }],
  });
  assert.deepEqual(
    component?.values[0]?.parts.map((each) => [each.label, each.values[0]?.text]),
    [["Code", "Systolic"], ["Value", "148 mmHg"]],
  );

  const [contained] = membersOf({ resourceType: "Patient", contained: [{ resourceType: "Organization", id: "a", name: "Elm" }] });
  assert.equal(contained?.values[0]?.text, "Organization #a");
  assert.deepEqual(contained.values[0].parts.map((each) => each.label), ["Name"]);
});

test("what an observation measured has the record's own words, and the recorded ones beside its code", () => {
  const concept = (code: string, display: string) => ({ coding: [{ system: "http://loinc.org", code, display }], text: display });
  const [code, component] = membersOf({
    resourceType: "Observation",
    code: concept("85354-9", "Blood pressure panel with all children optional"),
    component: [{ code: concept("8480-6", "Systolic blood pressure"), valueQuantity: { value: 148, unit: "mmHg" } }],
  });
  assert.deepEqual([code?.values[0]?.text, code?.values[0]?.notes[0]?.text], ["Blood pressure", "LOINC 85354-9 Blood pressure panel with all children optional"]);
  assert.equal(component?.values[0]?.parts[0]?.values[0]?.text, "Systolic");
  assert.equal(membersOf({ resourceType: "Observation", code: concept("1", "Left grip") })[0]?.values[0]?.text, "Left grip");
});

test("extensions stand where they belong: of the resource, of a value, of a primitive, and within another", () => {
  const members = membersOf({
    resourceType: "Patient",
    extension: [{ url: "http://x/outer", extension: [{ url: "http://x/inner", valueString: "within" }] }],
    identifier: [{ extension: [{ url: STATUS, valueCodeableConcept: { text: "verified" } }], system: "http://s", value: "1" }],
    birthDate: "1971",
    _birthDate: { extension: [{ url: "http://x/birthTime", valueTime: "10:00" }] },
    _gender: { extension: [{ url: "http://x/data-absent-reason", valueCode: "unknown" }] },
  });

  assert.deepEqual(members.map((each) => each.label), ["Outer", "Identifier", "Birth date", "Gender"]);
  assert.equal(members[0]?.extension, "http://x/outer");
  assert.equal(members[0].values[0]?.parts[0]?.values[0]?.text, "within");
  assert.equal(members[1]?.values[0]?.parts[0]?.values[0]?.text, "verified");
  assert.equal(members[2]?.values[0]?.parts[0]?.label, "Birth time");
  assert.deepEqual([members[3]?.values[0]?.text, members[3]?.values[0]?.parts[0]?.values[0]?.text], ["", "unknown"]);
});

test("of the resource's own bookkeeping, versions and profiles are told apart from its elements", () => {
  const resource = { resourceType: "Patient", id: "4", meta: { versionId: "2", profile: ["http://p"] }, active: true };
  assert.deepEqual(membersOf(resource).map((each) => each.label), ["Active"]);
  assert.deepEqual(metaMembersOf(resource).map((each) => each.label), ["Version id", "Profile"]);
});

test("a narrative is text alone, whatever is written in it", () => {
  const text = (div: string) => narrativeText({ resourceType: "Patient", text: { status: "generated", div } });
  assert.equal(text('<div xmlns="http://www.w3.org/1999/xhtml"><p>Ms Sofía  Muñoz</p><p>a &lt; b &amp;amp; &#169;&#x41;</p></div>'), "Ms Sofía Muñoz\na < b &amp; ©A");
  assert.equal(text("<div>one<br/>two</div>"), "one\ntwo");
  assert.equal(text("&#x110000;"), "&#x110000;");
  assert.equal(narrativeText({ resourceType: "Patient" }), "");
});

test("JSON is set in lines as it would be by the language itself, with its references marked", () => {
  const value = { a: [1, { reference: "Patient/4", b: null }], c: {}, d: [], e: 'x "y"\n', f: true, g: undefined, reference: 3 };
  const lines = [...jsonLines(value)];
  const text = lines.map((each) => "  ".repeat(each.depth) + each.pieces.map((piece) => piece.text).join("")).join("\n");

  assert.equal(text, JSON.stringify(value, null, 2));
  const references = lines.flatMap((each) => each.pieces).map((each) => each.reference).filter((each) => each !== "");
  assert.deepEqual(references, ["Patient/4"]);
});

test("XML is set in lines, and its narrative is left in one", () => {
  const xml =
    '<?xml version="1.0"?><Patient xmlns="http://hl7.org/fhir"><id value="a&gt;b>"/><text><status value="generated"/>' +
    '<div xmlns="http://www.w3.org/1999/xhtml"><p>A <b>bold</b>\n  name<br/></p></div></text><active value="true"/></Patient>';

  assert.deepEqual(xmlLines(xml), [
    '<?xml version="1.0"?>',
    '<Patient xmlns="http://hl7.org/fhir">',
    '  <id value="a&gt;b>"/>',
    "  <text>",
    '    <status value="generated"/>',
    '    <div xmlns="http://www.w3.org/1999/xhtml"><p>A <b>bold</b> name<br/></p></div>',
    "  </text>",
    '  <active value="true"/>',
    "</Patient>",
  ]);
});

test("a resource is called by its name, or by what it is about", () => {
  assert.equal(titleOf({ resourceType: "Patient", name: [{ family: "A", use: "old" }, { family: "B", use: "official" }] }), "B");
  assert.equal(titleOf({ resourceType: "Organization", name: "Elm Surgery" }), "Elm Surgery");
  assert.equal(titleOf({ resourceType: "Immunization", vaccineCode: { text: "MMR" } }), "MMR");
  assert.equal(titleOf({ resourceType: "Encounter", type: [{ text: "Check up" }], class: { code: "EMER" } }), "Check up");
  assert.equal(titleOf({ resourceType: "EpisodeOfCare", status: "active" }), "");
});
