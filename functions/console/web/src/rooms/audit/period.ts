/** The period of a disclosure report: whole days of UTC, as the audit trail and the command line count them. */

export interface Period {
  /** The first and the last day: `2026-10-01`. */
  readonly from: string;
  readonly to: string;
}

const DAYS_AT_FIRST = 30;
const DAY_MS = 86_400_000;
const SHAPE = /^\d{4}-\d\d-\d\d$/;

const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });
const time = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium", timeZone: "UTC" });

/** Returns the period that is offered first: the last thirty days. */
export function latestPeriod(now: number): Period {
  return { from: isoDay(now - DAYS_AT_FIRST * DAY_MS), to: isoDay(now) };
}

/** Returns what is wrong with each end of a period; both empty if nothing is. */
export function faultsOf({ from, to }: Period): Period {
  const missing = (each: string) => (SHAPE.test(each) && !Number.isNaN(Date.parse(each)) ? "" : "Give a day.");
  const faults = { from: missing(from), to: missing(to) };
  return faults.from || faults.to || from <= to ? faults : { from: "", to: "This is before the first day." };
}

/** Returns the period of an address; null if there is none, or none that can be. */
export function periodOf([from = "", to = ""]: readonly string[]): Period | null {
  const period = { from, to };
  const faults = faultsOf(period);
  return faults.from || faults.to ? null : period;
}

/** Returns a period as text: `1 Oct 2026 to 31 Oct 2026`. */
export function periodText({ from, to }: Period): string {
  return from === to ? dayText(from) : `${dayText(from)} to ${dayText(to)}`;
}

/** Returns from when to when a visit lasted, in UTC: `26 Nov 2026, 07:15:02 to 07:16:10`. */
export function timesText(from: string, to: string): string {
  const [first, last] = [instantText(from), instantText(to)];
  if (first === last) return first;
  return dayText(from) === dayText(to) ? `${first} to ${time.format(Date.parse(to))}` : `${first} to ${last}`;
}

/** Returns an instant to the second, in UTC: `26 Nov 2026, 07:15:02`. */
export function instantText(instant: string): string {
  return `${dayText(instant)}, ${time.format(Date.parse(instant))}`;
}

function dayText(date: string): string {
  return day.format(Date.parse(date));
}

function isoDay(epoch: number): string {
  return new Date(epoch).toISOString().slice(0, 10);
}
