/** Visits to a record day by day: one look at it is one entry, whatever number of requests it takes. */

import type { Access } from "../../fhir/audit-event.ts";
import { today } from "../../fhir/dates.ts";
import { accessesOf, visitText } from "../../fhir/visit-text.ts";
import type { Visit } from "../../fhir/visits.ts";

export interface AccessEntry {
  /** All accesses of the visit, the newest first. */
  readonly accesses: readonly Access[];
  /** The whole sentence: `Explorer read the whole record, 09:02 to 09:14 (3 requests)`. */
  readonly text: string;
}

export interface AccessDay {
  /** `Today`, `Yesterday`, `Friday 27 November 2026`. */
  readonly title: string;
  readonly entries: readonly AccessEntry[];
}

const ZONE = "Europe/London";
const DAY_MS = 86_400_000;
const longDay = new Intl.DateTimeFormat("en-GB", {
  weekday: "long", day: "numeric", month: "long", year: "numeric", timeZone: ZONE,
});
const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: ZONE });

/** Returns visits by days of the United Kingdom, in the order given, which is the newest first. */
export function accessDays(visits: readonly Visit[], now = Date.now()): readonly AccessDay[] {
  const days = new Map<string, AccessEntry[]>();
  for (const each of visits) {
    const title = dayOf(each.to, now);
    days.set(title, [...(days.get(title) ?? []), entryOf(each)]);
  }
  return [...days].map(([title, entries]) => ({ title, entries }));
}

/** Returns an instant's time of day: `14:02`; empty if none is recorded. */
export function timeOf(instant: string): string {
  const epoch = Date.parse(instant);
  return Number.isNaN(epoch) ? "" : time.format(epoch);
}

function entryOf(visit: Visit): AccessEntry {
  const accesses = accessesOf(visit);
  const [first, last] = [timeOf(visit.from), timeOf(visit.to)];
  const when = first === last ? last : `${first} to ${last}`;
  const requests = accesses.length > 1 ? ` (${accesses.length} requests)` : "";
  return { accesses, text: visitText(visit) + (when && `, ${when}`) + requests };
}

function dayOf(at: string, now: number): string {
  const epoch = Date.parse(at);
  if (Number.isNaN(epoch)) return "Without a date";
  const day = today(epoch);
  if (day === today(now)) return "Today";
  // Noon of today is yesterday's a day before, also where a day has 23 or 25 hours.
  const noon = Date.parse(`${today(now)}T12:00:00Z`);
  return day === today(noon - DAY_MS) ? "Yesterday" : longDay.format(epoch).replace(",", "");
}
