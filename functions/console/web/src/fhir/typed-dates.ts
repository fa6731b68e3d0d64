/** Dates as people in the United Kingdom type them. */

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const ISO = /^(\d{4})-(\d{1,2})-(\d{1,2})$/;
const DAY_FIRST = /^(\d{1,2})(?:st|nd|rd|th)?[\s./-]+(\d{1,2}|[a-z]{3,9})\.?,?[\s./-]+(\d{4})$/i;

/** Returns a date that was typed to the day as FHIR writes it: `1971-08-23` for `23/08/1971`, `23.8.1971`, `23 Aug 1971`.
 *
 * Null for anything else, and for a day that no month has.
 */
export function isoDay(typed: string): string | null {
  const text = typed.trim();
  const iso = ISO.exec(text);
  const [, year = "", month = "", day = ""] = iso ?? [];
  if (iso) return existing(year, Number(month), day);
  const [, days = "", word = "", years = ""] = DAY_FIRST.exec(text) ?? [];
  return existing(years, /^\d/.test(word) ? Number(word) : monthNamed(word), days);
}

/** Returns a month's number by its name or the beginning of it, 0 if none is called so. */
function monthNamed(word: string): number {
  const name = word.toLowerCase();
  const number = MONTHS.indexOf(name.slice(0, 3)) + 1;
  const whole = number ? new Date(Date.UTC(2000, number - 1)).toLocaleString("en-GB", { month: "long", timeZone: "UTC" }) : "";
  return whole.toLowerCase().startsWith(name) ? number : 0;
}

function existing(year: string, month: number, day: string): string | null {
  const date = new Date(Date.UTC(Number(year), month - 1, Number(day)));
  if (!year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== Number(day)) return null;
  return `${year}-${String(month).padStart(2, "0")}-${day.padStart(2, "0")}`;
}
