/** The units that STU3's profiles of vital signs allow (http://hl7.org/fhir/STU3/observation-vitalsigns.html), by LOINC and SNOMED CT. */

import type { CodeableConcept } from "../fhir/datatypes.ts";

export const SYSTOLIC: readonly string[] = ["8480-6", "271649006", "163030003"];
export const DIASTOLIC: readonly string[] = ["8462-4", "271650006", "163031004"];

export interface VitalSign {
  readonly name: string;
  readonly codes: readonly string[];
  /** Of UCUM, the usual one first. */
  readonly units: readonly [string, ...string[]];
}

const SIGNS: readonly VitalSign[] = [
  { name: "Systolic blood pressure", codes: SYSTOLIC, units: ["mm[Hg]"] },
  { name: "Diastolic blood pressure", codes: DIASTOLIC, units: ["mm[Hg]"] },
  { name: "Heart rate", codes: ["8867-4", "364075005"], units: ["/min"] },
  { name: "Respiratory rate", codes: ["9279-1", "86290005"], units: ["/min"] },
  { name: "Temperature", codes: ["8310-5", "386725007"], units: ["Cel", "[degF]"] },
  { name: "Oxygen saturation", codes: ["59408-5", "2708-6", "431314004"], units: ["%"] },
  { name: "Weight", codes: ["29463-7", "27113001"], units: ["kg", "g", "[lb_av]"] },
  { name: "Height", codes: ["8302-2", "50373000"], units: ["cm", "[in_i]"] },
  { name: "BMI", codes: ["39156-5", "60621009"], units: ["kg/m2"] },
];

/** Returns the vital sign that a code is of. */
export function vitalSignOf(concept: CodeableConcept | undefined): VitalSign | undefined {
  return SIGNS.find(({ codes }) => (concept?.coding ?? []).some(({ code }) => codes.includes(code ?? "")));
}

/** Returns whether a unit of UCUM's is one of a vital sign. What stands in braces is a remark to the reader (UCUM §6). */
export function isUnitOf({ units }: VitalSign, unit: string): boolean {
  return units.includes(unit.replaceAll(/\{[^}]*\}/g, ""));
}
