// Reads every XML resource of a folder with the `fhir` package and writes it as JSON into another.
// Usage: node xml-to-json.js DEFINITIONS FROM TO, where DEFINITIONS are STU3's types in the package's own form.

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fhir from 'fhir';

const [definitions, from, to] = process.argv.slice(2);
const parser = new fhir.ParseConformance(false, fhir.Versions.STU3);
parser.parsedStructureDefinitions = JSON.parse(readFileSync(definitions, 'utf8'));
const converter = new fhir.Fhir(parser);

mkdirSync(to);
for (const name of readdirSync(from)) {
  try {
    const json = converter.xmlToJson(readFileSync(join(from, name), 'utf8'));
    writeFileSync(join(to, name.replace(/xml$/, 'json')), json);
  } catch (error) {
    console.error(`${name}: ${error.message}`);
  }
}
