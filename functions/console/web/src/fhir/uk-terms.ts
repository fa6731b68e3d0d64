/** The names and units that the UK uses for what is measured, by codes of LOINC and SNOMED CT. */

import type { CodeableConcept, Quantity, Range } from "./datatypes.ts";
import { conceptText, quantityText, rangeText } from "./text.ts";

export const HBA1C = "HbA1c";

const CODES: Readonly<Record<string, readonly string[]>> = {
  [HBA1C]: ["4548-4", "17856-6", "59261-8", "43396009", "999791000000106"],
  "Blood pressure": ["85354-9", "55284-4", "75367002"],
  Systolic: ["8480-6", "271649006"],
  Diastolic: ["8462-4", "271650006"],
  Weight: ["29463-7", "3141-9", "27113001"],
  Height: ["8302-2", "50373000"],
  BMI: ["39156-5", "60621009"],
  "Heart rate": ["8867-4", "364075005"],
  "Respiratory rate": ["9279-1", "86290005"],
  Temperature: ["8310-5", "386725007"],
  "Oxygen saturation": ["59408-5", "2708-6", "431314004"],
  Cholesterol: ["14647-2", "2093-3"],
  Creatinine: ["14682-9", "2160-0"],
  eGFR: ["33914-3", "62238-1"],
  "Smoking status": ["72166-2"],
  Occupation: ["11341-5"],
};

const NAMES: ReadonlyMap<string, string> = new Map(
  Object.entries(CODES).flatMap(([name, codes]) => codes.map((code) => [code, name] as const)),
);

/** Returns the short name of what is measured; empty for a code that is not listed. */
export function ukName(concept: CodeableConcept | undefined): string {
  return (concept?.coding ?? []).map((each) => NAMES.get(each.code ?? "") ?? "").find((each) => each !== "") ?? "";
}

/** Returns the name of what is measured: the short one, else the one that was recorded. */
export function measurementName(concept: CodeableConcept | undefined): string {
  return ukName(concept) || conceptText(concept);
}

/** Returns a quantity in the unit that the UK reports: HbA1c in mmol/mol (IFCC) for NGSP's percent, others unchanged. */
export function ukQuantity(concept: CodeableConcept | undefined, quantity: Quantity): Quantity {
  const isPercent = (quantity.code ?? quantity.unit) === "%";
  if (!isPercent || quantity.value === undefined || ukName(concept) !== HBA1C) return quantity;
  return { ...quantity, value: Math.round((quantity.value - 2.152) / 0.09148), unit: "mmol/mol", code: "mmol/mol" };
}

/** Returns a quantity in words, with the recorded one beside a converted one: `52 mmol/mol (6.93%)`. */
export function ukQuantityText(concept: CodeableConcept | undefined, quantity: Quantity): string {
  const converted = ukQuantity(concept, quantity);
  return quantityText(converted) + (converted === quantity ? "" : ` (${quantityText(quantity)})`);
}

/** Returns a range in words likewise: `20 to 42 mmol/mol (4 to 6%)`. */
export function ukRangeText(concept: CodeableConcept | undefined, range: Range): string {
  const converted: Range = {
    ...(range.low && { low: ukQuantity(concept, range.low) }),
    ...(range.high && { high: ukQuantity(concept, range.high) }),
  };
  const [text, recorded] = [rangeText(converted), rangeText(range)];
  return text === recorded ? text : `${text} (${recorded})`;
}
