/** A resource's JSON as XML (FHIR STU3 XML Format §2.6.1), for what this page begins itself. */

import { type Node, parseTree } from "jsonc-parser";

/** Returns the XML of a resource's JSON text; its numbers keep their digits.
 *
 * The resource has no extensions of primitive elements, narrative or contained resources, and its members are in the order of their definition.
 */
export function xmlOf(json: string): string {
  const root = parseTree(json);
  const members = membersOf(root);
  const type = String(members.find(([name]) => name === "resourceType")?.[1].value);
  const lines = members.filter(([name]) => name !== "resourceType").flatMap((each) => linesOf(each, json, "  "));
  return [`<${type} xmlns="http://hl7.org/fhir">`, ...lines, `</${type}>`].join("\n");
}

type Member = readonly [name: string, value: Node];

function membersOf(node: Node | undefined): readonly Member[] {
  return (node?.children ?? []).flatMap(({ children: [name, value] = [] }) => (name && value ? [[String(name.value), value] as const] : []));
}

function linesOf([name, value]: Member, json: string, indent: string): readonly string[] {
  if (value.type === "array") return (value.children ?? []).flatMap((each) => linesOf([name, each], json, indent));
  if (value.type !== "object") {
    const written = value.type === "string" ? String(value.value) : json.slice(value.offset, value.offset + value.length);
    return [`${indent}<${name} value="${escaped(written)}"/>`];
  }
  const members = membersOf(value);
  // An extension's URL is an attribute (§2.6.1).
  const url = name === "extension" ? members.find(([each]) => each === "url")?.[1] : undefined;
  const inner = members.filter(([, each]) => each !== url).flatMap((each) => linesOf(each, json, `${indent}  `));
  return [`${indent}<${name}${url ? ` url="${escaped(String(url.value))}"` : ""}>`, ...inner, `${indent}</${name}>`];
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;" };

function escaped(text: string): string {
  return text.replace(/[&<"\t\n\r]/g, (each) => ESCAPES[each] ?? each);
}
