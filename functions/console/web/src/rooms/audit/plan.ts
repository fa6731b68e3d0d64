/** What to ask the server for to have a disclosure report, by what the token opens. */

import { lettersOf } from "../../oauth/grants.ts";
import type { Plan } from "../record/record-plan.ts";
import { accessPlanOf } from "../record/record-plan.ts";
import type { Period } from "./period.ts";

const PAGE = 100;
/** As many pages as are read without a word: ten thousand requests. */
export const PAGES_AT_ONCE = 100;

/** Returns what to ask for: who the patient is, if the token tells, and the events of the period. */
export function reportPlanOf(id: string, { from, to }: Period, scope: string, bound: string | undefined): Plan {
  const { closed, limited } = accessPlanOf(id, scope, bound);
  if (closed.size > 0) return { portions: [], closed, limited };
  const patient = encodeURIComponent(id);
  const query = `AuditEvent?patient=${patient}&date=ge${from}&date=le${to}&_count=${PAGE}`;
  return { portions: [...whoOf(patient, scope, bound), { query, types: ["AuditEvent"] }], closed, limited };
}

function whoOf(patient: string, scope: string, bound: string | undefined): Plan["portions"] {
  const letters = lettersOf(scope, "Patient", bound);
  if (letters.has("s")) return [{ query: `Patient?_id=${patient}`, types: ["Patient"] }];
  return letters.has("r") ? [{ query: `Patient/${patient}`, types: ["Patient"] }] : [];
}
