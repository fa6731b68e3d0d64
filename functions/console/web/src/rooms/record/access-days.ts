/** Accesses day by day, in which the same deed of the same client is one entry. */

import type { Access } from "../../fhir/audit-event.ts";
import { today } from "../../fhir/dates.ts";

export interface AccessEntry {
  /** All accesses of the sentence on the day, the newest first. */
  readonly accesses: readonly [Access, ...Access[]];
  /** The whole sentence: `Explorer read the whole record 3 times, 09:02 to 14:02`. */
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

/** Returns accesses by days of the United Kingdom, in the order given, which is the newest first. */
export function accessDays(accesses: readonly Access[], now = Date.now()): readonly AccessDay[] {
  const days = new Map<string, Map<string, [Access, ...Access[]]>>();
  for (const each of accesses) {
    const title = dayOf(each.at, now);
    const day = days.get(title) ?? new Map<string, [Access, ...Access[]]>();
    days.set(title, day);
    const same = `${each.clientId} ${each.sentence}`;
    const others = day.get(same);
    if (others) others.push(each);
    else day.set(same, [each]);
  }
  return [...days].map(([title, day]) => ({ title, entries: [...day.values()].map(entryOf) }));
}

/** Returns an access's time of day: `14:02`; empty if none is recorded. */
export function timeOf({ at }: Access): string {
  const epoch = Date.parse(at);
  return Number.isNaN(epoch) ? "" : time.format(epoch);
}

function entryOf(accesses: [Access, ...Access[]]): AccessEntry {
  const [newest] = accesses;
  const [first, last] = [timeOf(accesses.at(-1) ?? newest), timeOf(newest)];
  const times = accesses.length > 1 ? ` ${accesses.length} times` : "";
  const when = first === last ? last : `${first} to ${last}`;
  return { accesses, text: newest.sentence + times + (when && `, ${when}`) };
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
