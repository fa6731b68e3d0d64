/** A form: its fields, and the resource that its values make. */

/** What was typed or chosen, by the names of the fields; empty where nothing was. */
export type Values = Readonly<Record<string, string>>;

export type FieldKind = "text" | "decimal" | "date" | "partial-date" | "time" | "choice" | "note" | "snomed" | "nhs-number";

export interface Field {
  readonly name: string;
  readonly label: string;
  readonly kind: FieldKind;
  readonly isRequired?: boolean;
  readonly hint?: string;
  /** Of a decimal. */
  readonly unit?: string;
  /** Of a decimal: the least and the greatest value that anybody can have; without it a value may be below zero. */
  readonly range?: readonly [number, number];
  /** Of a decimal: a unit that people mean by values out of the range, and its own least and greatest value. */
  readonly other?: readonly [unit: string, least: number, greatest: number];
  readonly choices?: readonly (readonly [value: string, label: string])[];
  /** Whether it stands behind the others, folded. */
  readonly isRare?: boolean;
  /** FHIR's expressions of the elements that the field fills. */
  readonly at: readonly string[];
}

interface Members {
  readonly identifier?: readonly object[] | undefined;
  readonly [member: string]: unknown;
}

export interface Form {
  readonly fields: (values: Values) => readonly Field[];
  /** Returns the values that a form begins with; `today` is as in `2026-11-26`. */
  readonly begin: (today: string) => Values;
  /** Returns the resource's members but its type, in the order of their definition; an identifier only if one is typed. */
  readonly members: (values: Values, patient: string, today: string) => Members;
  /** Returns what was recorded, in a few words. */
  readonly summary: (values: Values) => string;
}

const DECIMAL = "\u0000decimal:";

/** Returns a decimal that JSON shows with the digits that were typed. */
export function decimal(typed: string): string {
  return DECIMAL + typed.trim().replace(/^(-?)0+(?=\d)/, "$1");
}

/** Returns the JSON of a resource, laid out. What is undefined is left out. */
export function jsonOf(resource: object): string {
  return withDecimals(JSON.stringify(resource, null, 2));
}

/** Returns JSON with each `decimal` in it as the number that was typed. */
export function withDecimals(json: string): string {
  return json.replaceAll(new RegExp(`"\\\\u0000decimal:(-?[\\d.]+)"`, "g"), "$1");
}

const SNOMED = "http://snomed.info/sct";

/** Returns a concept of a text and, if it is known, its code of SNOMED CT. */
export function concept(text: string, code = ""): object {
  const coding = code.trim() ? [{ system: SNOMED, code: code.trim(), display: text.trim() }] : undefined;
  return { coding, text: text.trim() };
}

export function coded(system: string, [code, display]: readonly [string, string]): object {
  return { system, code, display };
}

export function patientReference(id: string): object {
  return { reference: `Patient/${id}` };
}

/** Returns the note that was typed as annotations; undefined for none. */
export function notes(text: string | undefined): readonly object[] | undefined {
  return text?.trim() ? [{ text: text.trim() }] : undefined;
}

/** Returns a text for an optional element: undefined if nothing was typed. */
export function optional(text: string | undefined): string | undefined {
  return text?.trim() ? text.trim() : undefined;
}

/** Returns the fields that several forms have. */
export const SNOMED_FIELD = {
  name: "code",
  label: "SNOMED CT code",
  kind: "snomed",
  hint: "Leave it empty if you do not know it.",
} as const;

export const NOTE_FIELD = { name: "note", label: "Note", kind: "note" } as const;
