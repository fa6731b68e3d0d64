import assert from "node:assert/strict";
import { test } from "node:test";

import { xmlOf } from "../src/fhir/xml-of-json.ts";
import { faultsOfXml, placesInXml, withXmlId } from "../src/fhir/xml-places.ts";
import { laidOutXml } from "../src/fhir/xml-text.ts";

const XML = `<Observation xmlns="http://hl7.org/fhir">
  <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml">A
   <b>bold</b> word</div></text>
  <contained><Patient><birthDate value="x"/></Patient></contained>
  <status value="done"/>
  <code><coding><code value="1"/></coding><coding><code value="2"/></coding></code>
  <valueQuantity><value value="7.10"/></valueQuantity>
  <comment value=""/>
</Observation>`;

test("a server's expression leads to the value, or to the nearest name above it", () => {
  const placeOf = placesInXml(XML);
  const shown = (expression: string) => {
    const range = placeOf(expression);
    return range && XML.slice(range.from, range.to);
  };
  const cases: readonly (readonly [string, string | null])[] = [
    ["Observation.status", "done"],
    ["Observation.code.coding[1].code", "2"],
    ["Observation.code.coding[0].display", "coding"],
    ["Observation.code", "code"],
    ["Observation.value", "valueQuantity"],
    ["Observation.value.value", "7.10"],
    ["Observation.contained[0].birthDate", "x"],
    ["Observation.subject", "Observation"],
    ["http.If-Match", null],
  ];
  for (const [expression, text] of cases) assert.equal(shown(expression), text, expression);
  assert.equal(placesInXml("no xml")("Observation.status"), null);
});

test("what is no XML is told where it breaks", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["", "nothing yet"],
    ["hello", "outside the resource"],
    ["<a/><b/>", "ended before"],
    ["<a>\n  <b>\n</a>", "closing tag"],
    ["<a></b>", "another element"],
    ["<a b=3/>", "not XML"],
    ["<a", "not XML"],
    ["<!DOCTYPE a><a/>", "document type"],
  ];
  for (const [text, words] of cases) {
    const [first] = faultsOfXml(text);
    assert.match(first?.text ?? "no fault", new RegExp(words), text);
  }
  assert.deepEqual(faultsOfXml(XML), []);
  assert.deepEqual(faultsOfXml(`<?xml version="1.0"?>\n${XML}\n`), []);
});

test("an id is said, or said otherwise, and all else stays", () => {
  assert.equal(withXmlId("<Patient xmlns='x'><active value='true'/></Patient>", "4"), "<Patient xmlns='x'>\n  <id value=\"4\"/><active value='true'/></Patient>");
  assert.equal(withXmlId('<Patient xmlns="x">\n  <id value="1"/>\n</Patient>', "4"), '<Patient xmlns="x">\n  <id value="4"/>\n</Patient>');
});

test("XML is laid out anew without touching a narrative", () => {
  const laid = laidOutXml(XML.replaceAll(/>\n +</g, "><"));
  assert.match(laid, /\n {2}<status value="done"\/>\n/);
  assert.ok(laid.includes('<div xmlns="http://www.w3.org/1999/xhtml">A\n   <b>bold</b> word</div>'));
  assert.equal(laidOutXml(laid), laid);
});

test("JSON becomes XML with its digits, its lists and its special characters", () => {
  const json = '{ "resourceType": "Observation", "status": "a\\"<&>\\n", "category": [{ "text": "1" }, { "text": "2" }], "n": 7.10, "b": true }';
  assert.equal(
    xmlOf(json),
    [
      '<Observation xmlns="http://hl7.org/fhir">',
      '  <status value="a&quot;&lt;&amp;>&#10;"/>',
      "  <category>",
      '    <text value="1"/>',
      "  </category>",
      "  <category>",
      '    <text value="2"/>',
      "  </category>",
      '  <n value="7.10"/>',
      '  <b value="true"/>',
      "</Observation>",
    ].join("\n"),
  );
});

test("an extension's URL is an attribute", () => {
  const json = '{ "resourceType": "Patient", "identifier": [{ "extension": [{ "url": "urn:x", "valueCode": "y" }], "system": "s" }] }';
  assert.match(xmlOf(json), /<extension url="urn:x">\n {6}<valueCode value="y"\/>\n {4}<\/extension>\n {4}<system value="s"\/>/);
});
