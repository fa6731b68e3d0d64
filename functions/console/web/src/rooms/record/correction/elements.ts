/** The kinds of elements that a correction changes: what is typed for each, and what it writes. */

import type { CodeableConcept, Quantity } from "../../../fhir/datatypes.ts";
import { dateText } from "../../../fhir/dates.ts";
import type { JsonEdit, JsonPath } from "../../../fhir/json-edits.ts";
import { conceptText, quantityText, unitText } from "../../../fhir/text.ts";
import { concept, decimal, type Field, SNOMED_FIELD, type Values } from "../../write/forms/form.ts";
import { dateTimeOf, wallOf } from "../../write/forms/uk-time.ts";

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
}

type Choices = readonly (readonly [value: string, label: string])[];

export function numberAt(place: Place, quantity: Quantity, range: readonly [number, number] | undefined, also: readonly JsonEdit[] = []): Correctable {
  const name = nameOf(place);
  const field: Field = {
    ...common(place, quantityText(quantity)), kind: "decimal", isRequired: true, unit: unitText(quantity), ...(range && { range }),
  };
  return {
    fields: () => [field],
    begin: { [name]: String(quantity.value ?? "") },
    edits: (values) => [...also, { path: place.path, value: decimal(values[name] ?? "") }],
  };
}

export function textAt(place: Place, recorded: string | undefined, valueOf: (typed: string) => unknown = (typed) => typed): Correctable {
  const name = nameOf(place);
  return {
    fields: () => [{ ...common(place, recorded ?? ""), kind: "text" }],
    begin: { [name]: recorded ?? "" },
    edits: (values) => [{ path: place.path, value: values[name]?.trim() ? valueOf(values[name].trim()) : undefined }],
  };
}

/** A code of a short list; the recorded one stays on it. */
export function choiceAt(place: Place, recorded: string | undefined, choices: Choices): Correctable {
  const name = nameOf(place);
  const offered = recorded === undefined ? [["", "Not recorded"] as const, ...choices] : choices;
  const isListed = offered.some(([code]) => code === (recorded ?? ""));
  const all = isListed || recorded === undefined ? offered : [...offered, [recorded, recorded.replaceAll("-", " ")] as const];
  const label = all.find(([code]) => code === recorded)?.[1] ?? "";
  return {
    fields: () => [{ ...common(place, label), kind: "choice", choices: all }],
    begin: { [name]: recorded ?? "" },
    edits: (values) => [{ path: place.path, value: values[name] === "" ? undefined : values[name] }],
  };
}

/** A name: another one takes the recorded code with it, as that means what was recorded. */
export function conceptAt(place: Place, recorded: CodeableConcept, also: readonly JsonEdit[] = []): Correctable {
  const name = nameOf(place);
  const text = conceptText(recorded);
  const code = `${name}-code`;
  return {
    fields: (values) => [
      { ...common(place, text), kind: "text", isRequired: true },
      ...(values[name]?.trim() === text
        ? []
        : [{ ...SNOMED_FIELD, name: code, label: `${place.label}: SNOMED CT code`, at: [`${expressionOf(place)}.coding`] }]),
    ],
    begin: { [name]: text, [code]: "" },
    edits: (values) => [...also, { path: place.path, value: concept(values[name] ?? "", values[code]) }],
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
    edits: (values) => [{ path: place.path, value: values[name] ? dateTimeOf(values[name], values[time] ?? "") : undefined }],
  };
}

function common(place: Place, recorded: string): Pick<Field, "name" | "label" | "at" | "hint" | "isRequired"> {
  const { label, isRequired = false } = place;
  const hint = recorded === "" ? "Nothing is recorded." : `Recorded: ${recorded}`;
  return { name: nameOf(place), label, at: [expressionOf(place)], hint, isRequired };
}

function nameOf({ path }: Place): string {
  return path.join("-");
}

/** Returns FHIR's expression of a place: `Observation.component[0].valueQuantity.value`. */
function expressionOf({ type, path }: Place): string {
  return path.reduce<string>((before, step) => (typeof step === "number" ? `${before}[${step}]` : `${before}.${step}`), type);
}
