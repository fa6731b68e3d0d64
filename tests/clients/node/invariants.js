// Judge resources by HL7's own expressions: `node invariants.js INVARIANTS RESOURCES`, JSON and NDJSON.
// Prints a line of JSON for each resource: how often it breaks each invariant, by key.

import { createInterface } from 'node:readline';
import { createReadStream, readFileSync } from 'node:fs';

import fhirpath from 'fhirpath';
import stu3 from 'fhirpath/fhir-context/stu3/index.js';

const [, , invariants, resources] = process.argv;
const { checks, types } = JSON.parse(readFileSync(invariants, 'utf8'));
const compiled = Object.entries(checks).map(([key, { expression, places }]) => ({
  key,
  places: new Set(places),
  isTrue: fhirpath.compile(expression, stu3, { traceFn: () => {} }),
}));
const descendants = fhirpath.compile('descendants()', stu3);

// The names by which a node is a place: its type, its own path, its element in its parent.
function placesOf(node) {
  if (node.resourceType) return ['DomainResource', ...(types.includes(node.resourceType) ? [node.resourceType] : [])];
  const { path, fhirNodeDataType, parentResNode, propName } = node.__path__;
  const element = propName && parentResNode?.path ? `${parentResNode.path}.${propName}` : path;
  return ['Element', path, fhirNodeDataType, element];
}

function broken(node, outermost, key, isTrue) {
  // What the expressions call %resource is the outermost resource for dom-3 and ref-1, else the resource of the node.
  const resource = key === 'dom-3' || key === 'ref-1' || !node.resourceType ? outermost : node;
  try {
    const result = isTrue(node, { resource });
    return !(result.length === 1 && result[0] === true);
  } catch (error) {
    return `${error?.message ?? error}`;
  }
}

function judged(outermost) {
  const counts = {};
  const nodes = descendants(outermost).filter((each) => each !== null && typeof each === 'object' && each.__path__);
  for (const node of [outermost, ...nodes]) {
    const places = placesOf(node);
    for (const { key, places: wanted, isTrue } of compiled) {
      if (places.some((each) => wanted.has(each)) && broken(node, outermost, key, isTrue))
        counts[key] = (counts[key] ?? 0) + 1;
    }
  }
  return counts;
}

for await (const line of createInterface({ input: createReadStream(resources) }))
  if (line) console.log(JSON.stringify(judged(JSON.parse(line))));
