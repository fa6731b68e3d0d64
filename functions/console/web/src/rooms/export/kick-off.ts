/** What is to be exported, as a person fills it in, and the request that starts it (`export.md`, Kick-off). */

import { isNhsNumber } from "../../fhir/nhs-number.ts";
import { noIdText, patientId } from "../../fhir/reference-place.ts";
import type { Call } from "../../service/api.ts";
import { FHIR_PATH } from "../../service/place.ts";
import { instantText } from "../audit/period.ts";
import type { Level } from "./openness.ts";

export interface Wanted {
  readonly level: Level;
  /** The types that were unticked, of any level. */
  readonly without: ReadonlySet<string>;
  /** Only what has changed since: a day and a time in UTC, as `2026-12-01T09:00:00.000`; empty for everything. */
  readonly since: string;
  /** The ids of patients, as they were typed; empty for all. */
  readonly patients: string;
}

export const EVERYTHING: Wanted = { level: "all", without: new Set(), since: "", patients: "" };

export type Faults = Readonly<Record<"types" | "since" | "patients", string>>;

const MOST_PATIENTS = 100;
const SHAPE = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?$/;

/** Returns what is wrong with each field, empty if nothing is. `open` are the types that the token opens, `now` is the server's clock. */
export function faultsOf(wanted: Wanted, open: readonly string[], now: number): Faults {
  const since = wanted.since && instantOf(wanted.since);
  return {
    types: chosenOf(wanted, open).length ? "" : "Tick a type.",
    since: since === null ? "Give a day and a time." : since && Date.parse(since) > now ? "This is in the future." : "",
    patients: wanted.level === "patients" ? patientsFault(wanted.patients) : "",
  };
}

/** Returns the types that are ticked of those that the token opens. */
export function chosenOf({ without }: Wanted, open: readonly string[]): readonly string[] {
  return open.filter((each) => !without.has(each));
}

/** Returns the request that starts the export of what is wanted, which has no fault.
 *
 * Its parameters are in the body: ids of patients belong into no URL.
 */
export function kickOffOf(wanted: Wanted, open: readonly string[]): Call {
  const chosen = chosenOf(wanted, open);
  const parameter = [
    // Without `_type` it is all that the token opens.
    ...(chosen.length < open.length ? chosen.map((valueCode) => ({ name: "_type", valueCode })) : []),
    ...(wanted.since ? [{ name: "_since", valueInstant: instantOf(wanted.since) }] : []),
    ...(wanted.level === "patients"
      ? idsIn(wanted.patients).map((each) => ({ name: "patient", valueReference: { reference: `Patient/${patientId(each) ?? each}` } }))
      : []),
  ];
  return {
    method: "POST",
    to: `${FHIR_PATH}/${wanted.level === "patients" ? "Patient/" : ""}$export`,
    headers: { Accept: "application/fhir+json", "Content-Type": "application/fhir+json", Prefer: "respond-async" },
    body: JSON.stringify({ resourceType: "Parameters", ...(parameter.length && { parameter }) }),
  };
}

/** Returns what is wanted in words, without who the patients are: `Patients’ records: Patient and Goal, changed since …`. */
export function wordsOf(wanted: Wanted, open: readonly string[]): string {
  const chosen = chosenOf(wanted, open);
  const count = wanted.level === "patients" ? idsIn(wanted.patients).length : 0;
  const whose = wanted.level === "all" ? "Everything" : count ? `The records of ${count} ${count === 1 ? "patient" : "patients"}` : "All patients’ records";
  const types = chosen.length === open.length ? "" : chosen.length > 3 ? `: ${chosen.length} types` : `: ${chosen.join(", ")}`;
  const since = wanted.since && instantOf(wanted.since);
  return whose + types + (since ? `, changed since ${instantText(since)} (UTC)` : "");
}

/** Returns an instant as the field for it has it. */
export function fieldOf(instant: string): string {
  return new Date(instant).toISOString().replace("Z", "");
}

/** Returns a field's time as an instant to the millisecond; null if it is none. */
function instantOf(field: string): string | null {
  const epoch = SHAPE.test(field) ? Date.parse(`${field}Z`) : Number.NaN;
  return Number.isNaN(epoch) ? null : new Date(epoch).toISOString();
}

function idsIn(typed: string): readonly string[] {
  return [...new Set(typed.split(/[\s,;]+/).filter((each) => each !== ""))];
}

function patientsFault(typed: string): string {
  const ids = idsIn(typed);
  // With spaces in it, an NHS number would be three ids.
  const number = typed.match(/\b\d{3}[\s-]\d{3}[\s-]\d{4}\b/g)?.find(isNhsNumber);
  const wrong = number ?? ids.find((each) => patientId(each) === null);
  if (wrong !== undefined) return `${wrong}: ${noIdText(wrong)}`;
  return ids.length > MOST_PATIENTS ? `These are ${ids.length} patients, and one export takes ${MOST_PATIENTS}.` : "";
}
