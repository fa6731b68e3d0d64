/** Dates as people in the United Kingdom type them: the day first, months by number or name, years of four digits or two. */

import { dateText } from "./dates.ts";

/** A date within what was typed. */
export interface TypedDate {
  /** What it can mean as FHIR writes it, the earliest first: `1958`, `1958-02`, `1958-02-11`. Of two digits it can be two. */
  readonly dates: readonly string[];
  /** Why it means none; empty if it means one. */
  readonly fault: string;
  /** Whether its year has four digits. */
  readonly isWhole: boolean;
  /** What else was typed. */
  readonly rest: string;
}

const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];
const NAMED = "[a-z]{3,9}";
const GAP = "[\\s./-]+";
const YEAR = "(?<year>\\d{4}|'?\\d\\d)";
const LIVED = "(?<year>(?:18|19|20)\\d\\d)";

/** From the most exact to the least, so that a part is not taken for the whole. */
const FORMS = [
  "(?<year>\\d{4})[-/.](?<month>\\d{1,2})[-/.](?<day>\\d{1,2})",
  `(?<day>\\d{1,2})(?:st|nd|rd|th)?${GAP}(?<month>\\d{1,2}|${NAMED})\\.?,?${GAP}${YEAR}`,
  `(?<day>[0-3]\\d)(?<month>[01]\\d)${LIVED}`,
  `${LIVED}(?<month>[01]\\d)(?<day>[0-3]\\d)`,
  `(?<day>\\d{1,2})(?<month>${NAMED})(?<year>\\d{4})`,
  `${LIVED}[-/.](?<month>\\d{1,2})`,
  `(?<month>\\d{1,2})[-/.]${LIVED}`,
  `(?<month>${NAMED})\\.?,?${GAP}${YEAR}`,
  LIVED,
].map((each) => new RegExp(`(?<![\\p{L}\\d./-])(?:${each})(?![\\p{L}\\d/-])`, "giu"));

/** Returns the date that a text has in it; null if it has none. `today` is `2026-11-26`: nobody was born after it. */
export function typedDate(text: string, today: string): TypedDate | null {
  for (const form of FORMS) {
    for (const found of text.matchAll(form)) {
      const { year = "", month = "", day = "" } = found.groups ?? {};
      const number = /^\D/.test(month) ? monthNamed(month) : Number(month);
      // Another word before a number: a name, for example.
      if (number === 0 && /^\D/.test(month)) continue;
      const parts = [...(month ? [String(number)] : []), ...(day ? [day] : [])].map((each) => each.padStart(2, "0"));
      const rest = `${text.slice(0, found.index)} ${text.slice(found.index + found[0].length)}`.trim();
      return { ...meant(year.replace("'", ""), parts, today), rest, isWhole: year.length === 4 };
    }
  }
  return null;
}

/** Returns a date that was typed to the day as FHIR writes it: `1971-08-23` for `23/08/1971`, `23.8.1971`, `23 Aug 1971`.
 *
 * Null for anything else, and for a day that no month has.
 */
export function isoDay(typed: string): string | null {
  const found = typedDate(typed.trim(), "9999-12-31");
  const [day = ""] = found?.dates ?? [];
  return found?.rest === "" && found.isWhole && day.length === 10 ? day : null;
}

function meant(year: string, parts: readonly string[], today: string): Pick<TypedDate, "dates" | "fault"> {
  const years = year.length === 2 ? [`19${year}`, `20${year}`] : [year];
  const [month = "01", day] = parts;
  const possible = years.filter((each) => exists(each, month, day)).map((each) => [each, ...parts].join("-"));
  const dates = possible.filter((each) => each <= today.slice(0, each.length));
  if (dates.length) return { dates, fault: "" };
  if (possible[0] !== undefined) return { dates, fault: `${dateText(possible[0])} has not come yet.` };
  const name = MONTHS[Number(month) - 1];
  if (name) return { dates, fault: `There is no ${Number(day)} ${name} ${years[0] ?? ""}.` };
  return { dates, fault: `There is no month ${Number(month)}.${day === undefined ? "" : " The day comes first, as in 23/08/1971."}` };
}

/** Returns a month's number by its name or the beginning of it, 0 if none is called so. */
function monthNamed(word: string): number {
  return MONTHS.findIndex((each) => each.toLowerCase().startsWith(word.toLowerCase())) + 1;
}

function exists(year: string, month: string, day = "01"): boolean {
  const date = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)));
  return date.getUTCMonth() === Number(month) - 1 && date.getUTCDate() === Number(day);
}
