/** The kinds of elements that a correction changes: what is typed for each, and what it writes. */

import type { CodeableConcept, Quantity } from "../../../fhir/datatypes.ts";
import { dateText } from "../../../fhir/dates.ts";
import type { JsonEdit, JsonPath } from "../../../fhir/json-edits.ts";
import { conceptText, quantityText, unitText } from "../../../fhir/text.ts";
import { concept, decimal, type Field, SNOMED_FIELD, type Values } from "./form.ts";
import { dateTimeOf, wallOf } from "./uk-time.ts";

/** One element that can be corrected. */
export interface Correctable {
  /** What is typed, by what is typed already. */
  readonly fields: (values: Values) => readonly Field[];
  /** What is recorded, as it would be typed. */
  readonly begin: Values;
  /** Returns what to change once something else is typed. */
  readonly edits: (values: Values) => readonly JsonEdit[];
}

export interface Place {
  readonly type: string;
  readonly path: JsonPath;
  readonly label: string;
  readonly isRequired?: boolean;
  /** What goes if nothing is typed, where that is more than the element itself: an entry of a list. */
  readonly goes?: JsonPath;
}

type Choices = readonly (readonly [value: string, label: string])[];

/** Returns the fields of elements, for what is typed. */
export function fieldsOf(correctables: readonly Correctable[], values: Values): readonly Field[] {
  return correctables.flatMap((each) => each.fields(values));
}

/** Returns what is recorded of elements, as it would be typed. */
export function beginOf(correctables: readonly Correctable[]): Values {
  return Object.assign({}, ...correctables.map((each) => each.begin)) as Values;
}

/** Returns the changes that were typed. Removals from lists come last and from the end: until then each index is as it was. */
export function editsOf(correctables: readonly Correctable[], values: Values): readonly JsonEdit[] {
  const changed = correctables.filter(({ begin, fields }) => fields(values).some(({ name }) => (values[name] ?? "").trim() !== (begin[name] ?? "").trim()));
  const edits = changed.flatMap((each) => each.edits(values));
  const isListed = ({ path, value }: JsonEdit) => value === undefined && typeof path.at(-1) === "number";
  return [...edits.filter((each) => !isListed(each)), ...edits.filter(isListed).toReversed()];
}

/** Returns elements whose fields stand behind the others, folded. */
export function rarely(correctables: readonly Correctable[]): readonly Correctable[] {
  return correctables.map((each) => ({ ...each, fields: (values) => each.fields(values).map((field) => ({ ...field, isRare: true })) }));
}

/** Returns an element that takes others along when it is changed. */
export function withEdits(one: Correctable, also: (values: Values) => readonly JsonEdit[]): Correctable {
  return { ...one, edits: (values) => [...also(values), ...one.edits(values)] };
}

/** Returns an element that is there only for some values of the others. */
export function onlyIf(isThere: (values: Values) => boolean, one: Correctable): Correctable {
  return { ...one, fields: (values) => (isThere(values) ? one.fields(values) : []) };
}

type Limits = Pick<Field, "range" | "other">;

export function numberAt(place: Place, quantity: Quantity, limits: Limits = {}): Correctable {
  const name = nameOf(place);
  const field: Field = { ...common(place, quantityText(quantity)), kind: "decimal", isRequired: place.goes === undefined, unit: unitText(quantity), ...limits };
  return {
    fields: () => [field],
    begin: { [name]: String(quantity.value ?? "") },
    edits: (values) => [values[name]?.trim() ? { path: place.path, value: decimal(values[name]) } : removal(place)],
  };
}

export function textAt(place: Place, recorded: string | undefined, valueOf: (typed: string) => unknown = (typed) => typed): Correctable {
  const name = nameOf(place);
  return {
    fields: () => [{ ...common(place, recorded ?? ""), kind: "text" }],
    begin: { [name]: recorded ?? "" },
    edits: (values) => [values[name]?.trim() ? { path: place.path, value: valueOf(values[name].trim()) } : removal(place)],
  };
}

/** A text of several lines, which is not said again as what is recorded. */
export function noteAt(place: Place, recorded: string | undefined): Correctable {
  const { name, label, at } = common(place, "");
  return { ...textAt(place, recorded), fields: () => [{ name, label, at, kind: "note" }] };
}

/** A code of a short list; the recorded one stays on it. */
export function choiceAt(place: Place, recorded: string | undefined, choices: Choices, valueOf: (chosen: string) => unknown = (chosen) => chosen): Correctable {
  const name = nameOf(place);
  const offered = recorded === undefined || place.goes ? [["", "Not recorded"] as const, ...choices] : choices;
  const isListed = offered.some(([code]) => code === (recorded ?? ""));
  const all = isListed || recorded === undefined ? offered : [...offered, [recorded, recorded.replaceAll("-", " ")] as const];
  const label = recorded === undefined ? "" : (all.find(([code]) => code === recorded)?.[1] ?? "");
  return {
    fields: () => [{ ...common(place, label), kind: "choice", choices: all }],
    begin: { [name]: recorded ?? "" },
    edits: (values) => [values[name] ? { path: place.path, value: valueOf(values[name]) } : removal(place)],
  };
}

/** Of two values one: true or false, each in its words. */
export function eitherAt(place: Place, recorded: boolean | undefined, [yes, no]: readonly [yes: string, no: string]): Correctable {
  const choices: Choices = [["true", yes], ["false", no]];
  return choiceAt(place, recorded === undefined ? undefined : String(recorded), choices, (chosen) => chosen === "true");
}

/** A name: another one takes the recorded code with it, as that means what was recorded. */
export function conceptAt(place: Place, recorded: CodeableConcept, valueOf: (named: object) => unknown = (named) => named): Correctable {
  const name = nameOf(place);
  const text = conceptText(recorded);
  const code = `${name}-code`;
  return {
    fields: (values) => [
      { ...common(place, text), kind: "text", isRequired: place.goes === undefined },
      ...(["", text].includes(values[name]?.trim() ?? "")
        ? []
        : [{ ...SNOMED_FIELD, name: code, label: `${place.label}: SNOMED CT code`, at: [`${expressionOf(place)}.coding`] }]),
    ],
    begin: { [name]: text, [code]: "" },
    edits: (values) => [values[name]?.trim() ? { path: place.path, value: valueOf(concept(values[name], values[code])) } : removal(place)],
  };
}

/** A date as exact as it was recorded: to the minute, to the day, or less. */
export function dateAt(place: Place, recorded: string | undefined): Correctable {
  const name = nameOf(place);
  const time = `${name}-time`;
  const base = common(place, recorded === undefined ? "" : dateText(recorded));
  if (recorded !== undefined && /^\d{4}(-\d{2})?$/.test(recorded)) {
    return { ...textAt(place, recorded), fields: () => [{ ...base, kind: "partial-date" }] };
  }
  const isTimed = recorded?.includes("T") === true;
  const [day, minute] = isTimed ? wallOf(recorded) : [recorded ?? "", ""];
  const { at } = base;
  return {
    fields: () => [
      { ...base, kind: "date" },
      ...(isTimed ? [{ name: time, label: `${place.label}: time`, kind: "time", at } as const] : []),
    ],
    begin: { [name]: day, [time]: minute },
    edits: (values) => [values[name] ? { path: place.path, value: dateTimeOf(values[name], values[time] ?? "") } : removal(place)],
  };
}

/** Returns the name of the field at a path. */
export function nameAt(path: JsonPath): string {
  return path.join("-");
}

/** Returns FHIR's expression of a place: `Observation.component[0].valueQuantity.value`. */
export function expressionAt(type: string, path: JsonPath): string {
  return path.reduce<string>((before, step) => (typeof step === "number" ? `${before}[${step}]` : `${before}.${step}`), type);
}

/** Returns what is said of the recorded value beside the field. */
export function recordedHint(recorded: string): string {
  return recorded === "" ? "Nothing is recorded." : `Recorded: ${recorded}`;
}

function removal({ path, goes = path }: Place): JsonEdit {
  return { path: goes, value: undefined };
}

function common(place: Place, recorded: string): Pick<Field, "name" | "label" | "at" | "hint" | "isRequired"> {
  const { label, isRequired = false } = place;
  return { name: nameOf(place), label, at: [expressionOf(place)], hint: recordedHint(recorded), isRequired };
}

function nameOf({ path }: Place): string {
  return nameAt(path);
}

function expressionOf({ type, path }: Place): string {
  return expressionAt(type, path);
}
