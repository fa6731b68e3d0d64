/** Changes single members of a resource's JSON text; all other members keep their digits and their order. */

import { applyEdits, findNodeAtLocation, modify, type Node, parseTree } from "jsonc-parser";

export type JsonPath = readonly (string | number)[];

/** As the last step of a path: behind a list's last element, or in a list of its own. */
export const LAST = -1;

export interface JsonEdit {
  readonly path: JsonPath;
  /** Undefined takes the member out. */
  readonly value: unknown;
}

const LAYOUT = { tabSize: 2, insertSpaces: true, eol: "\n" };

/** Returns a text with the edits made, one after the other. What a removal leaves empty goes too, as FHIR has no empty element. */
export function edited(text: string, edits: readonly JsonEdit[]): string {
  return edits.reduce((before, each) => withEdit(before, each), text);
}

function withEdit(text: string, { path, value }: JsonEdit): string {
  const root = parseTree(text);
  const node = root && findNodeAtLocation(root, [...path]);
  if (value === undefined && !node) return text;
  const isListed = value === undefined && node?.parent?.type === "array";
  const after = isListed ? withoutListed(text, node) : applyEdits(text, modify(text, [...path], value, { formattingOptions: LAYOUT }));
  const around = path.slice(0, -1);
  if (value !== undefined || around.length === 0) return after;
  const left = findNodeAtLocation(parseTree(after) ?? { type: "null", offset: 0, length: 0 }, [...around]);
  return left?.children?.length === 0 ? withEdit(after, { path: around, value: undefined }) : after;
}

/** Returns a text without an element of a list. The library takes too much of a text in one line with the last of them. */
function withoutListed(text: string, node: Node): string {
  const list = node.parent?.children ?? [];
  const [before, after] = [list[list.indexOf(node) - 1], list[list.indexOf(node) + 1]];
  const start = after || !before ? node.offset : before.offset + before.length;
  const end = after ? after.offset : node.offset + node.length;
  return text.slice(0, start) + text.slice(end);
}
