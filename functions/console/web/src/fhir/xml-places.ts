/** Where in a resource's XML text something stands: what is wrong with the text itself, and what a server names. */

import { parser } from "@lezer/xml";

import { type Step, stepsOf, type TextFault, type TextRange, visible } from "./json-places.ts";

type SyntaxNode = ReturnType<typeof parser.parse>["topNode"];

const NOT_XML = "this is not XML";

/** Returns why a text cannot be sent as a resource, in its order; none if it is one element of XML. */
export function faultsOfXml(text: string): readonly TextFault[] {
  if (!text.trim()) return [{ from: 0, to: text.length, text: "there is nothing yet: a resource is an element of XML" }];
  const faults: TextFault[] = [];
  const add = (node: TextRange, words: string) => faults.push({ ...visible(text, node.from, node.to), text: words });
  const document = parser.parse(text).topNode;
  document.cursor().iterate((node) => {
    if (node.name === "MismatchedCloseTag") add(node, "this closes another element than the one that is open");
    else if (node.name === "MissingCloseTag") add(nameOf(node.node.parent) ?? node, "the closing tag of this element is missing");
    else if (node.name === "DoctypeDecl") add(node, "a resource has no document type");
    else if (node.type.isError) add(node, NOT_XML);
  });
  const elements = document.getChildren("Element");
  const stray = document.getChildren("Text").find((each) => text.slice(each.from, each.to).trim());
  if (stray) add(stray, "this stands outside the resource");
  if (elements[1]) add(elements[1], "the resource has ended before this");
  if (!elements.length && !faults.length) add(document, NOT_XML);
  // One slip is often met twice at one place: the first says what it is.
  return faults
    .filter((each, at) => faults.findIndex((other) => other.from === each.from) === at)
    .sort((one, other) => one.from - other.from);
}

/** Returns where a server's `expression` leads in the text, for many expressions of one text: as `placesIn` of JSON does. */
export function placesInXml(text: string): (expression: string) => TextRange | null {
  const root = parser.parse(text).topNode.getChild("Element");
  return (expression) => {
    const steps = stepsOf(expression);
    if (!steps || !root) return null;
    let node = root;
    for (const [at, step] of steps.entries()) {
      const next = stepInto(node, step, text);
      // What is missing is marked at what it is missing in.
      if (!next) return at > 0 || /^[A-Z]/.test(expression) ? rangeOf(node, text) : null;
      node = next;
    }
    return rangeOf(node, text);
  };
}

/** Returns a resource's XML with its `id` said, everything else as it was. */
export function withXmlId(text: string, id: string): string {
  return text.replace(/(<[A-Z]\w*\b[^>]*>)(?:\s*<id\s+value="[^"]*"\s*\/>)?/, `$1\n  <id value="${id}"/>`);
}

function stepInto(node: SyntaxNode, { name, index }: Step, text: string): SyntaxNode | undefined {
  // A resource within another one stands in an element that is named after what it is for.
  const [first] = node.getChildren("Element");
  const from = first && /^[A-Z]/.test(tagOf(first, text)) ? first : node;
  const children = from.getChildren("Element");
  const named = children.filter((each) => tagOf(each, text) === name);
  const isChoice = (each: SyntaxNode) => tagOf(each, text).startsWith(name) && /^[A-Z]/.test(tagOf(each, text).slice(name.length));
  return named[index ?? 0] ?? children.find(isChoice);
}

/** Returns what is marked of an element: its value, or its name. */
function rangeOf(node: SyntaxNode, text: string): TextRange {
  const tag = tagNodeOf(node);
  const value = tag?.getChildren("Attribute").find((each) => named(each, "AttributeName", text) === "value")?.getChild("AttributeValue");
  if (value && value.to - value.from > 2) return { from: value.from + 1, to: value.to - 1 };
  const place = value ?? nameOf(node) ?? node;
  return visible(text, place.from, place.to);
}

function tagNodeOf(node: SyntaxNode | null): SyntaxNode | null {
  return node?.getChild("OpenTag") ?? node?.getChild("SelfClosingTag") ?? null;
}

function nameOf(node: SyntaxNode | null): SyntaxNode | null {
  return tagNodeOf(node)?.getChild("TagName") ?? null;
}

function tagOf(node: SyntaxNode, text: string): string {
  const name = nameOf(node);
  return name ? text.slice(name.from, name.to) : "";
}

function named(node: SyntaxNode, part: string, text: string): string {
  const found = node.getChild(part);
  return found ? text.slice(found.from, found.to) : "";
}
