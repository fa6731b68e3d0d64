/** Dates and times of the United Kingdom as FHIR writes them. */

const ZONE = "Europe/London";
const WALL = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "short", timeZone: ZONE });
const OFFSETS = ["+01:00", "+00:00"];

/** Returns the dateTime of a day and a time of the United Kingdom, as `2026-07-01T09:30:00+01:00`; without a time the day. */
export function dateTimeOf(day: string, time: string): string {
  if (!time) return day;
  const offset = OFFSETS.find((each) => WALL.format(Date.parse(`${day}T${time}:00${each}`)) === `${day} ${time}`) ?? "+00:00";
  return `${day}T${time}:00${offset}`;
}

/** Returns the day and the time of the United Kingdom that a dateTime with a time says. */
export function wallOf(dateTime: string): readonly [day: string, time: string] {
  const [day = "", time = ""] = WALL.format(Date.parse(dateTime)).split(" ");
  return [day, time];
}
