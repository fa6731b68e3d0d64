/** Where in a resource's JSON text something stands: what is wrong with the text itself, and what a server names. */

import { applyEdits, findNodeAtLocation, format, modify, type Node, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";

export interface TextRange {
  readonly from: number;
  readonly to: number;
}

export interface TextFault extends TextRange {
  readonly text: string;
}

const OPTIONS = { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false };
const LAYOUT = { tabSize: 2, insertSpaces: true, eol: "\n" };

const WORDS: Readonly<Record<string, string>> = {
  InvalidSymbol: "this is no value of JSON: text stands in double quotes",
  InvalidNumberFormat: "this is no number of JSON",
  PropertyNameExpected: "a member's name is missing, in double quotes",
  ValueExpected: "a value is missing",
  ColonExpected: "a colon is missing after the name",
  CommaExpected: "a comma is missing before this",
  CloseBraceExpected: "a closing } is missing",
  CloseBracketExpected: "a closing ] is missing",
  EndOfFileExpected: "the resource has ended before this",
  InvalidCommentToken: "JSON has no comments",
  UnexpectedEndOfComment: "JSON has no comments",
  UnexpectedEndOfString: "the text's closing quote is missing",
  UnexpectedEndOfNumber: "the number ends too early",
  InvalidUnicode: "this is no character of Unicode",
  InvalidEscapeCharacter: "JSON has no such escape",
  InvalidCharacter: "this character stands as an escape in JSON, such as \\n",
};

/** Returns why a text cannot be sent as a resource, each fault once and in its order; none if it is a JSON object. */
export function faultsOf(text: string): readonly TextFault[] {
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, OPTIONS);
  if (!text.trim()) return [{ from: 0, to: text.length, text: "there is nothing yet: a resource is a JSON object" }];
  const faults = errors.map(({ error, offset, length }) => ({
    ...visible(text, offset, offset + length),
    text: WORDS[printParseErrorCode(error)] ?? "this is not JSON",
  }));
  if (root && root.type !== "object" && !faults.length) faults.push({ ...rangeOfNode(text, root), text: "a resource is a JSON object" });
  if (root && !faults.length) faults.push(...repeatedIn(root));
  // One slip is often met twice at one place: the first says what it is.
  return faults.filter((each, at) => faults.findIndex((other) => other.from === each.from) === at);
}

/** Returns the members that their object has had already: the server takes neither of two. */
function repeatedIn(node: Node): TextFault[] {
  const found: TextFault[] = [];
  const names = new Set<unknown>();
  for (const child of node.children ?? []) {
    const key = node.type === "object" ? child.children?.[0] : undefined;
    if (key) {
      if (names.has(key.value)) found.push({ from: key.offset, to: key.offset + key.length, text: "this member is there twice" });
      names.add(key.value);
    }
    found.push(...repeatedIn(child));
  }
  return found;
}

/** Returns where a server's `expression` leads in the text: to the value, or to the nearest above it that is there.
 *
 * `Patient.name[0].family` as FHIR writes it: a choice by its name without the type (`Observation.value`), what belongs
 * to a primitive's own object by the primitive's name (`Patient.birthDate.id`). Null for what is no place of the text,
 * such as `http.If-Match`, and for a text that has no object.
 */
export function rangeOf(text: string, expression: string): TextRange | null {
  return placesIn(text)(expression);
}

/** Returns `rangeOf` for many expressions of one text, which is then parsed once. */
export function placesIn(text: string): (expression: string) => TextRange | null {
  const root = parseTree(text, [], OPTIONS);
  return (expression) => (root?.type === "object" ? rangeBelow(root, text, expression) : null);
}

function rangeBelow(root: Node, text: string, expression: string): TextRange | null {
  const steps = stepsOf(expression);
  if (!steps) return null;
  const isOfRoot = /^[A-Z]/.test(expression);
  let node = root;
  for (const [at, step] of steps.entries()) {
    const next = stepInto(node, step, at + 1 < steps.length);
    // What is missing is marked at what it is missing in.
    if (!next) return at > 0 || isOfRoot ? rangeOfNode(text, node) : null;
    node = next;
  }
  return rangeOfNode(text, node);
}

/** One element of an `expression`. */
export interface Step {
  readonly name: string;
  readonly index: number | null;
}

/** Returns the elements that a server's `expression` names below the resource; null for what is no place of a resource. */
export function stepsOf(expression: string): readonly Step[] | null {
  const [first = "", ...others] = expression.split(".");
  return stepsIn(/^[A-Z]/.test(first) ? others : [first, ...others]);
}

function stepsIn(parts: readonly string[]): readonly Step[] | null {
  const steps: Step[] = [];
  for (const part of parts) {
    const [matched, name = "", index] = /^(\w+)(?:\[(\d+)\])?$/.exec(part) ?? [];
    if (matched === undefined) return null;
    steps.push({ name, index: index === undefined ? null : Number(index) });
  }
  return steps;
}

function stepInto(node: Node, { name, index }: Step, goesOn: boolean): Node | undefined {
  const within = (member: string) => findNodeAtLocation(node, index === null ? [member] : [member, index]);
  const own = within(name);
  const beside = within(`_${name}`);
  if (own && !(goesOn && beside && isPrimitive(own))) return own;
  if (beside) return beside;
  return findNodeAtLocation(node, [name]) ?? choiceOf(node, name);
}

function isPrimitive(node: Node): boolean {
  return node.type !== "object" && node.type !== "array";
}

/** Returns the first member that is a choice's, as `valueQuantity` is of `value`. */
function choiceOf(node: Node, name: string): Node | undefined {
  const member = node.type === "object" ? node.children?.find((each) => isChoice(each.children?.[0]?.value, name)) : undefined;
  return member?.children?.[1];
}

function isChoice(member: unknown, name: string): boolean {
  return typeof member === "string" && member.startsWith(name) && /^[A-Z]/.test(member.slice(name.length));
}

/** Returns what is marked of a value: a primitive as a whole, of an object or a list its name, or where it begins. */
function rangeOfNode(text: string, node: Node): TextRange {
  if (isPrimitive(node)) return visible(text, node.offset, node.offset + node.length);
  const key = node.parent?.type === "property" ? node.parent.children?.[0] : undefined;
  return key ? { from: key.offset, to: key.offset + key.length } : { from: node.offset, to: node.offset + 1 };
}

/** Returns a range that can be seen: within the text, and with at least one character where there is one. */
export function visible(text: string, from: number, to: number): TextRange {
  if (to > from && from < text.length) return { from, to: Math.min(to, text.length) };
  const before = text.slice(0, from).trimEnd().length;
  return { from: Math.max(0, before - 1), to: Math.max(before, Math.min(1, text.length)) };
}

/** Returns a text laid out anew, its numbers and its members' order as they were; as it is, if it is not JSON. */
export function laidOut(text: string): string {
  return faultsOf(text).length ? text : applyEdits(text, format(text, undefined, LAYOUT));
}

/** Returns a resource's text with its `id` said, everything else as it was. */
export function withId(text: string, id: string): string {
  // Behind the type, where FHIR has it.
  const edits = modify(text, ["id"], id, { formattingOptions: LAYOUT, getInsertionIndex: () => 1 });
  return applyEdits(text, edits);
}
