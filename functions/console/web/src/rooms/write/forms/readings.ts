/** The form of a reading: an Observation of one of the kinds of `readings.json` (LOINC, SNOMED CT, UCUM). */

import type { CodeableConcept, Quantity } from "../../../fhir/datatypes.ts";
import { dateTimeOf } from "./uk-time.ts";
import { coded, decimal, type Field, type Form, NOTE_FIELD, optional, patientReference, type Values } from "./form.ts";
import table from "./readings.json" with { type: "json" };

interface Measured {
  readonly title: string;
  readonly loinc: readonly string[];
  readonly snomed: readonly string[];
  readonly unit: string;
  readonly ucum: string;
  readonly range: readonly number[];
  readonly other?: readonly (string | number)[];
}

type Reading = Omit<Measured, "unit" | "ucum" | "range" | "other"> &
  Partial<Measured> & { readonly category: string; readonly components?: readonly Measured[] };

export const READINGS: Readonly<Record<string, Reading>> = table;

const CATEGORIES: Readonly<Record<string, string>> = { "vital-signs": "Vital Signs", laboratory: "Laboratory" };

export const READING_FORM: Form = {
  fields: (values) => [
    {
      name: "reading",
      label: "Reading",
      kind: "choice",
      isRequired: true,
      choices: [["", "Choose…"], ...Object.entries(READINGS).map(([name, { title }]) => [name, title] as const)],
      at: ["Observation.code", "Observation.category"],
    },
    ...measuredIn(values).map(fieldOf),
    { name: "date", label: "Taken on", kind: "date", isRequired: true, at: ["Observation.effective", "Observation.effectiveDateTime"] },
    { name: "time", label: "Time", kind: "time", hint: "Leave it empty if you do not know it.", at: [] },
    { ...NOTE_FIELD, at: ["Observation.comment"] },
  ],
  begin: (today) => ({ date: today }),
  members: (values, patient) => {
    const { category = "", components } = readingIn(values) ?? {};
    const kind = { coding: [coded("http://hl7.org/fhir/observation-category", [category, CATEGORIES[category] ?? ""])] };
    const measured = measuredIn(values);
    const quantities = measured.map((each, at) => ({ code: codeOf(each), valueQuantity: quantityOf(each, values[valueName(at)] ?? "") }));
    return {
      status: "final",
      category: [kind],
      code: codeOf(readingIn(values)),
      subject: patientReference(patient),
      effectiveDateTime: dateTimeOf(values["date"] ?? "", values["time"] ?? ""),
      valueQuantity: components ? undefined : quantities[0]?.valueQuantity,
      comment: optional(values["note"]),
      component: components && quantities,
    };
  },
  summary: (values) => {
    const [first] = measuredIn(values);
    const numbers = measuredIn(values).map((_, at) => values[valueName(at)]?.trim()).join("/");
    return `${readingIn(values)?.title ?? ""} ${numbers} ${first?.unit ?? ""}`.trim();
  },
};

const MEASURED: readonly Measured[] = Object.values(READINGS).flatMap((each) => each.components ?? [each as Measured]);

/** Returns what anybody can have of what a code measures, if it is in that unit: the least, the greatest, and what else people mean. */
export function limitsOfReading(code: CodeableConcept | undefined, { code: unit }: Quantity): Pick<Field, "range" | "other"> {
  const codes = (code?.coding ?? []).map((each) => each.code ?? "");
  const one = MEASURED.find(({ loinc, snomed, ucum }) => ucum === unit && [loinc[0], snomed[0]].some((each) => codes.includes(each ?? "")));
  return one ? limitsOf(one) : {};
}

function limitsOf({ range: [least = 0, greatest = 0], other }: Measured): Pick<Field, "range" | "other"> {
  return { range: [least, greatest], ...(other && { other: other as [string, number, number] }) };
}

function readingIn(values: Values): Reading | undefined {
  return READINGS[values["reading"] ?? ""];
}

/** Returns what has a value of its own: the components of a reading, else itself. */
function measuredIn(values: Values): readonly Measured[] {
  const reading = readingIn(values);
  return reading ? (reading.components ?? [reading as Measured]) : [];
}

function valueName(at: number): string {
  return `value-${at}`;
}

function fieldOf(one: Measured, at: number, all: readonly Measured[]): Field {
  const { title, unit } = one;
  const place = all.length > 1 ? `Observation.component[${at}]` : "Observation";
  const elements = [`${place}.value`, `${place}.valueQuantity`, ...(all.length > 1 ? [place] : [])];
  return { name: valueName(at), label: title, kind: "decimal", isRequired: true, unit, ...limitsOf(one), at: elements };
}

function codeOf(one: Pick<Measured, "loinc" | "snomed"> | undefined): object {
  const pair = ([code = "", display = ""]: readonly string[]): readonly [string, string] => [code, display];
  return { coding: one && [coded("http://loinc.org", pair(one.loinc)), coded("http://snomed.info/sct", pair(one.snomed))] };
}

function quantityOf({ unit, ucum }: Measured, typed: string): object {
  return { value: decimal(typed), unit, system: "http://unitsofmeasure.org", code: ucum };
}
