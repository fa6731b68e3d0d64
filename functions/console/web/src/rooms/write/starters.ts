/** The resource that a new one begins as: the least that is sensible, and that the server takes as it is. */

import table from "./starters.json" with { type: "json" };

const PATIENT = "{patient}";
const TODAY = "{today}";
const UNKNOWN = "id-of-the-patient";

const STARTERS: Readonly<Record<string, object>> = table;

/** Returns whether a new resource of a type is about a patient, whose id its starter has to name. */
export function needsPatient(type: string): boolean {
  return JSON.stringify(STARTERS[type] ?? {}).includes(PATIENT);
}

/** Returns a new resource's text; `patient` is the id of whom it is about, null leaves one to be filled in. */
export function starterOf(type: string, patient: string | null, today: string): string {
  const text = JSON.stringify({ resourceType: type, ...STARTERS[type] }, null, 2);
  return text.replaceAll(PATIENT, patient ?? UNKNOWN).replaceAll(TODAY, today);
}
