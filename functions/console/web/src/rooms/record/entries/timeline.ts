/** The entries of a record in the order of time, by year. */

import { type Entry, latestFirst } from "./entries.ts";
import type { RecordType } from "../record-plan.ts";

export interface Year {
  /** `2024`; `Without a date` at the end. */
  readonly label: string;
  readonly entries: readonly Entry[];
}

/** Returns the entries of some types, the latest first. */
export function ofTypes(entries: readonly Entry[], types: ReadonlySet<RecordType>): readonly Entry[] {
  return latestFirst(entries.filter((each) => types.has(each.type)));
}

/** Returns entries by years, in the order in which they are given. */
export function yearsOf(ordered: readonly Entry[]): readonly Year[] {
  const years = new Map<string, Entry[]>();
  for (const each of ordered) {
    const label = Number.isNaN(each.at) ? "Without a date" : String(new Date(each.at).getUTCFullYear());
    const year = years.get(label);
    if (year) year.push(each);
    else years.set(label, [each]);
  }
  return [...years].map(([label, of]) => ({ label, entries: of }));
}

/** Returns how many entries there are of each type. */
export function countsOf(entries: readonly Entry[]): ReadonlyMap<RecordType, number> {
  const counts = new Map<RecordType, number>();
  for (const { type } of entries) counts.set(type, (counts.get(type) ?? 0) + 1);
  return counts;
}
