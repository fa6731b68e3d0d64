/** Whether a diabetes is among the active problems. */

import type { Condition } from "../../../fhir/clinical.ts";
import type { Entry } from "../entries/entries.ts";

/** SNOMED CT's: diabetes mellitus, its type 1, its type 2. */
const CODES = ["73211009", "46635009", "44054006"];

export function hasDiabetes(entries: readonly Entry[]): boolean {
  return entries.some(({ type, isCurrent, title, resource }) => {
    if (type !== "Condition" || !isCurrent) return false;
    const codings = (resource as Condition).code?.coding ?? [];
    return codings.some((each) => CODES.includes(each.code ?? "")) || /^(type [12] )?diabetes\b(?! insipidus)/i.test(title);
  });
}
