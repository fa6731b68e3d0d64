/** The resource that a new one begins as: the least that is sensible, and that the server takes as it is. */

import table from "./starters.json" with { type: "json" };

const PATIENT = "{patient}";
const TODAY = "{today}";

const STARTERS: Readonly<Record<string, object>> = table;

/** Returns whether a new resource of a type is about a patient, whose id its starter has to name. */
export function needsPatient(type: string): boolean {
  return JSON.stringify(STARTERS[type] ?? {}).includes(PATIENT);
}

/** Returns a new resource's text; `patient` is the id of the patient whom it is about, null for one that is about none. */
export function starterOf(type: string, patient: string | null, today: string): string {
  const text = JSON.stringify({ resourceType: type, ...STARTERS[type] }, null, 2);
  return text.replaceAll(PATIENT, patient ?? "").replaceAll(TODAY, today);
}
