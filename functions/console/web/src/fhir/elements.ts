/** A resource of any type as what is drawn of it: labels and values, without knowing the type. */

import { inWords } from "./audit-event.ts";
import type { CodeableConcept, Coding, Identifier, Quantity, Reference, Resource } from "./datatypes.ts";
import { periodText } from "./dates.ts";
import { elementLabel, extensionLabel, systemName } from "./labels.ts";
import { codingText, conceptText, valueText } from "./text.ts";
import { ukName } from "./uk-terms.ts";

export interface Member {
  readonly label: string;
  /** An extension's whole URL, empty for an element. */
  readonly extension: string;
  readonly values: readonly Value[];
}

/** One value: a line of text, or parts of its own where it has no text. */
export interface Value {
  readonly text: string;
  /** Where the text is a reference: as it stands in the resource. */
  readonly reference: string;
  /** What stands below in quiet text: codes, systems, uses. */
  readonly notes: readonly Note[];
  readonly parts: readonly Member[];
}

export interface Note {
  readonly text: string;
  /** The whole URI that the text abbreviates, empty if it is whole. */
  readonly whole: string;
}

type Element = Readonly<Record<string, unknown>>;

/** What is drawn at another place than the resource's own elements, or says nothing to a person. */
const ASIDE = ["resourceType", "id", "meta", "text", "fullUrl"];

/** Returns a resource's elements in its own order. */
export function membersOf(resource: Resource): readonly Member[] {
  const { resourceType } = resource;
  return membersBut(resourceType === "AuditEvent" ? inWords(resource) : resourceType === "Observation" ? named(resource) : resource, ASIDE);
}

/** Returns an observation, or a component, by the names that the UK uses for what is measured; the recorded ones stay beside their codes. */
function named(measured: Element): Element {
  const code = measured["code"] as CodeableConcept | undefined;
  const name = ukName(code);
  const components = listOf(measured["component"]).filter(isElement).map(named);
  return { ...measured, ...(name && { code: { ...code, text: name } }), ...(components.length && { component: components }) };
}

/** Returns what the resource says of itself: its version, profiles, tags and security labels. */
export function metaMembersOf(resource: Resource): readonly Member[] {
  return isElement(resource.meta) ? membersBut(resource.meta, ["id"]) : [];
}

/** Returns the narrative as text alone: its mark-up is never let into the page. */
export function narrativeText(resource: Resource): string {
  const { text } = resource;
  const div = isElement(text) ? text["div"] : undefined;
  if (typeof div !== "string") return "";
  return div
    .replace(/<(?:br|\/p|\/li|\/tr|\/h\d|\/div)\b[^>]*>/gi, "\n")
    .replace(/<[^>]*>/g, " ")
    .replace(/&#(x[0-9a-f]+|\d+);/gi, (whole, code: string) => character(whole, code))
    .replace(/&(lt|gt|quot|apos|nbsp);/g, (_, name: string) => ENTITIES[name] ?? "")
    .replaceAll("&amp;", "&")
    .replace(/[^\S\n]+/g, " ")
    .replace(/ *\n[\s]*/g, "\n")
    .trim();
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " " };

function character(whole: string, code: string): string {
  const point = /^x/i.test(code) ? parseInt(code.slice(1), 16) : parseInt(code, 10);
  return point <= 0x10_ff_ff ? String.fromCodePoint(point) : whole;
}

function membersBut(element: Element, aside: readonly string[]): readonly Member[] {
  const names = Object.keys(element).filter(
    (each) => !aside.includes(each) && (!each.startsWith("_") || !(each.slice(1) in element)),
  );
  return names.flatMap((name) => {
    if (name === "extension" || name === "modifierExtension") return extensionsOf(element[name]);
    const plain = name.replace(/^_/, "");
    const values = listOf(element[plain]);
    // What is said about a primitive stands beside it, under its name with a low line (STU3 JSON §2.6.2.3).
    const about = listOf(element[`_${plain}`]);
    const all = Array.from({ length: Math.max(values.length, about.length) }, (_, place) =>
      withExtensions(valueOf(values[place]), about[place]),
    );
    return [{ label: elementLabel(plain), extension: "", values: all }];
  });
}

function extensionsOf(extensions: unknown): readonly Member[] {
  return listOf(extensions)
    .filter(isElement)
    .map((each) => {
      const url = typeof each["url"] === "string" ? each["url"] : "";
      const name = Object.keys(each).find((member) => member.startsWith("value"));
      const value = name ? withExtensions(valueOf(each[name]), each) : valueOf({ extension: each["extension"] });
      return { label: extensionLabel(url), extension: url, values: [value] };
    });
}

function withExtensions(value: Value, about: unknown): Value {
  if (!isElement(about) || about["extension"] === undefined) return value;
  return { ...value, parts: [...value.parts, ...extensionsOf(about["extension"])] };
}

/** Returns a value as it is drawn; what is absent has neither text nor parts. */
export function valueOf(value: unknown): Value {
  const text = valueText(value);
  if (!isElement(value)) return { text: text ?? "", reference: "", notes: [], parts: [] };
  if (text === null || text === "") {
    const isContained = typeof value["resourceType"] === "string";
    const name = isContained ? `${String(value["resourceType"])} #${String(value["id"])}` : "";
    return { text: name, reference: "", notes: [], parts: membersBut(value, isContained ? ASIDE : ["id"]) };
  }
  const reference = typeof value["reference"] === "string" ? value["reference"] : "";
  return { text, reference, notes: notesOf(value, text), parts: extensionsOf(value["extension"]) };
}

function notesOf(value: Element, text: string): readonly Note[] {
  const notes: Note[] = [];
  if (Array.isArray(value["coding"])) {
    const said = conceptText(value);
    notes.push(...(value["coding"] as readonly Coding[]).map((each) => codingNote(each, said)));
  } else if (typeof value["reference"] === "string") {
    if (text !== value["reference"]) notes.push(whole(value["reference"]));
  } else if (typeof value["code"] === "string") {
    notes.push(...quantityOrCodingNotes(value, text));
  } else if (typeof value["system"] === "string" && /[:/]/.test(value["system"])) {
    notes.push(whole((value as Identifier).system ?? ""));
  }
  const { identifier } = value as Reference;
  if (identifier?.value && text !== identifier.value) notes.push({ text: identifier.value, whole: identifier.system ?? "" });
  const { use, period, type } = value;
  // A contact's use is a part of its text.
  if (typeof use === "string" && !text.endsWith(")")) notes.push(whole([use, type].filter((each) => typeof each === "string").join(", ")));
  if (isElement(type)) notes.push(whole(conceptText(type)));
  if (isElement(period)) notes.push(whole(periodText(period)));
  return notes.filter((each) => each.text !== "");
}

function codingNote(coding: Coding, said: string): Note {
  const display = coding.display !== undefined && coding.display !== said ? coding.display : "";
  const system = coding.system === undefined ? "" : systemName(coding.system);
  return { text: [system, coding.code, display].filter((each) => each).join(" "), whole: coding.system ?? "" };
}

function quantityOrCodingNotes(value: Coding & Quantity, text: string): readonly Note[] {
  if (value.value === undefined) return [codingNote(value, codingText(value))];
  // A unit's code says nothing more where it is the unit.
  return value.code === undefined || text.endsWith(value.code) ? [] : [codingNote({ ...value, display: "" }, "")];
}

function whole(text: string): Note {
  return { text, whole: "" };
}

function listOf(value: unknown): readonly unknown[] {
  return value === undefined ? [] : Array.isArray(value) ? (value as readonly unknown[]) : [value];
}

function isElement(value: unknown): value is Element {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
