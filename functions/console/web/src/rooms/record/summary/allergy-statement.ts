/** What the banner says of allergies: that there is none only when all of the record's were read. */

import { type Entry, latestFirst, saysNone } from "../entries/entries.ts";
import type { Standing } from "../sections.ts";

export interface AllergyStatement {
  /** Those that hold, of high criticality first. */
  readonly active: readonly Entry[];
  /** What is to be said beside them, or instead; empty if they say all. */
  readonly text: string;
}

/** Returns the statement for a record's entries of AllergyIntolerance, as far as they were read. */
export function allergyStatement(entries: readonly Entry[], standing: Standing): AllergyStatement {
  const current = latestFirst(entries.filter((each) => each.isCurrent));
  const none = current.filter(saysNone);
  const found = current.filter((each) => !saysNone(each));
  const active = [...found.filter((each) => each.alert), ...found.filter((each) => !each.alert)];
  return { active, text: textOf(active, none, entries.length, standing) };
}

function textOf(active: readonly Entry[], none: readonly Entry[], count: number, standing: Standing): string {
  if (standing.closed.length) return "This token does not open AllergyIntolerance.";
  if (standing.isLoading) return "Reading…";
  const [limited] = standing.limited;
  if (limited) return `${active.length ? "There may be more" : "Not known"}: of ${limited[0]} this token opens a part, ${limited[1]}.`;
  if (!standing.isComplete) return active.length ? "Not all has been read: there may be more." : "Not known: not all has been read.";
  const [said] = none;
  if (active.length) return said ? `It is also recorded that none is known: ${said.title}.` : "";
  if (said) return `None known, as recorded: ${said.title}.`;
  return count > 0 ? "None is active." : "Nothing is recorded: neither an allergy, nor that there is none.";
}
