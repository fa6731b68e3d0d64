/** What to ask the server for to have a patient's record, by what the token opens: as few requests as will do. */

import { grantOf, type Letter, lettersOf, limitLines, scopeFor } from "../../oauth/grants.ts";

/** The types of a record that this room draws, besides the patient's own. */
export const RECORD_TYPES = [
  "Condition",
  "MedicationStatement",
  "MedicationRequest",
  "AllergyIntolerance",
  "Immunization",
  "Encounter",
  "EpisodeOfCare",
  "Procedure",
  "Observation",
  "Goal",
] as const;

export type RecordType = (typeof RECORD_TYPES)[number];
/** What can be corrected in a record: its entries, and who it is about. */
export type CorrectedType = RecordType | "Patient";

/** One walk of pages, and which types of the record are complete when it has ended. */
export interface Portion {
  readonly query: string;
  readonly types: readonly string[];
}

export interface Plan {
  readonly portions: readonly Portion[];
  /** The types that the token does not open, each with a scope that would. */
  readonly closed: ReadonlyMap<string, string>;
  /** The types of which the token opens a part, each with the condition in words. */
  readonly limited: ReadonlyMap<string, string>;
}

const PAGE = 100;
/** Below this many types their searches are no more than what `$everything` would be, and say more of what fails. */
const FEWEST_FOR_EVERYTHING = 3;

/** Returns what to ask for.
 *
 * `$everything` answers with a type if its `r` and `s` are both open, and is one walk for all of them; where `s` alone is
 * open, the type has a search of its own. A type that can only be read by id cannot be found here, and counts as closed.
 */
export function planOf(id: string, scope: string): Plan {
  const has = (type: string, letter: Letter) => lettersOf(scope, type).has(letter);
  const closed = new Map<string, string>();
  if (!has("Patient", "r") && !has("Patient", "s")) closed.set("Patient", scopeFor(scope, "Patient", "read"));
  for (const type of RECORD_TYPES) {
    if (!has(type, "s")) closed.set(type, scopeFor(scope, type, has(type, "r") ? "s" : "read"));
  }
  const open = ["Patient", ...RECORD_TYPES].filter((type) => !closed.has(type));
  const limits = open.map((type) => [type, limitLines(grantOf(scope, type)).join("; ")] as const);
  const limited = new Map(limits.filter(([, words]) => words !== ""));
  const whole = has("Patient", "r") ? open.filter((type) => has(type, "r") && has(type, "s")) : [];
  if (whole.length < FEWEST_FOR_EVERYTHING) return { portions: separately(open, id, scope), closed, limited };
  const others = open.filter((type) => !whole.includes(type));
  const everything = { query: `Patient/${encodeURIComponent(id)}/$everything?_count=${PAGE}`, types: whole };
  return { portions: [everything, ...separately(others, id, scope)], closed, limited };
}

/** Returns a portion for each type. */
export function separately(types: readonly string[], id: string, scope: string): readonly Portion[] {
  const reads = (type: string) => lettersOf(scope, type).has("r");
  const searches = (type: string) => lettersOf(scope, type).has("s");
  const patient = encodeURIComponent(id);
  return types.map((type) => {
    if (type !== "Patient") {
      const named = type.startsWith("Medication") && reads("Medication") ? `&_include=${type}:medication` : "";
      return { query: `${type}?patient=${patient}&_count=${PAGE}${named}`, types: [type] };
    }
    if (!searches(type)) return { query: `Patient/${patient}`, types: [type] };
    const practitioner = reads("Practitioner") ? "&_include=Patient:general-practitioner" : "";
    const organization = reads("Organization") ? "&_include=Patient:organization" : "";
    return { query: `Patient?_id=${patient}${practitioner}${organization}`, types: [type] };
  });
}

/** The type that says who has seen a record. */
const ACCESS_TYPE = "AuditEvent";
const ACCESS_PAGE = 20;

/** Returns what to ask for to know who has seen a record; `bound` is the patient of the token, if it has one. */
export function accessPlanOf(id: string, scope: string, bound: string | undefined): Plan {
  const letters = lettersOf(scope, ACCESS_TYPE, bound);
  if (!letters.has("s")) {
    return { portions: [], closed: new Map([[ACCESS_TYPE, scopeFor(scope, ACCESS_TYPE, letters.has("r") ? "s" : "read", bound)]]), limited: new Map() };
  }
  const query = `${ACCESS_TYPE}?patient=${encodeURIComponent(id)}&_count=${ACCESS_PAGE}`;
  return { portions: [{ query, types: [ACCESS_TYPE] }], closed: new Map(), limited: new Map() };
}
