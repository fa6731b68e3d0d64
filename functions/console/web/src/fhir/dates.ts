/** FHIR's dates for a person: as exact as they were recorded and no more, times in the zone of the United Kingdom. */

const ZONE = "Europe/London";
const SHAPE = /^(\d{4})(?:-(\d{2})(?:-(\d{2})(T.+)?)?)?$/;

const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: "UTC" });
const month = new Intl.DateTimeFormat("en-GB", { month: "short", year: "numeric", timeZone: "UTC" });
const dayThere = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeZone: ZONE });
const timeThere = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: ZONE });

/** Returns a date, dateTime or instant as text: `1999`, `Jul 1999`, `5 Nov 1972`, `14 Jun 2017, 10:05`; others as they are. */
export function dateText(value: string): string {
  const [matched, , months, days, time] = SHAPE.exec(value) ?? [];
  const epoch = Date.parse(value);
  if (!matched || Number.isNaN(epoch)) return value;
  if (!months) return value;
  if (!days) return month.format(epoch);
  if (!time) return day.format(epoch);
  return `${dayThere.format(epoch)}, ${timeThere.format(epoch)}`;
}

/** Returns the beginning of what a date, dateTime or instant says, in epoch milliseconds; NaN if it says none. */
export function epochOf(value: string | undefined): number {
  return value !== undefined && SHAPE.test(value) ? Date.parse(value) : Number.NaN;
}

/** Returns a period as text: `14 Jun 2017, 10:00 to 10:40`, `from 1 May 2018`, `until 2019`; empty if it has no end. */
export function periodText({ start, end }: { readonly start?: string | undefined; readonly end?: string | undefined }): string {
  if (start === undefined) return end === undefined ? "" : `until ${dateText(end)}`;
  if (end === undefined) return `from ${dateText(start)}`;
  const [from, to] = [dateText(start), dateText(end)];
  if (from === to) return from;
  // Of the same day, only the time is new.
  const [dayOfStart] = from.split(", ");
  const [dayOfEnd, timeOfEnd] = to.split(", ");
  return `${from} to ${timeOfEnd !== undefined && dayOfStart === dayOfEnd ? timeOfEnd : to}`;
}

/** Returns an age as the NHS writes it: in weeks below a year, in months below two, then in years.
 *
 * `today` is a date as the person's clock has it, `2026-11-26`. Empty if the date of birth is not known to the day.
 */
export function ageText(birthDate: string | undefined, today: string): string {
  const born = /^(\d{4})-(\d{2})-(\d{2})$/.exec(birthDate ?? "");
  const at = /^(\d{4})-(\d{2})-(\d{2})/.exec(today);
  if (!born || !at) return "";
  const [bornYear, bornMonth, bornDay] = born.slice(1).map(Number) as [number, number, number];
  const [year, monthNow, dayNow] = at.slice(1).map(Number) as [number, number, number];
  const months = (year - bornYear) * 12 + monthNow - bornMonth - (dayNow < bornDay ? 1 : 0);
  if (months < 0) return "";
  if (months >= 24) return `${Math.floor(months / 12)} years`;
  if (months >= 12) return `${months} months`;
  const weeks = Math.floor((Date.parse(at[0]) - Date.parse(born[0])) / (7 * 86_400_000));
  return `${weeks} ${weeks === 1 ? "week" : "weeks"}`;
}

/** Returns the present day in the United Kingdom, as in `2026-11-26`. */
export function today(now = Date.now()): string {
  return new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeZone: ZONE }).format(now);
}
