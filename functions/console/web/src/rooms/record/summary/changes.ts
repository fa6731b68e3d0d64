/** What changed lately in a record: medicines, problems, allergies, stays in hospital, results out of range, the last readings. */

import type { AllergyIntolerance, Condition, Encounter, MedicationStatement } from "../../../fhir/clinical.ts";
import { dateText, epochOf } from "../../../fhir/dates.ts";
import type { Entry } from "../entries/entries.ts";
import { saysNone } from "../entries/entries.ts";
import { type Course, coursesOf, doseBefore, medicinesOf } from "../entries/medicines.ts";
import { flagText } from "../observations/flags.ts";
import { dayOf, type Group } from "../observations/observation-groups.ts";

export interface Change {
  /** In epoch milliseconds. */
  readonly at: number;
  readonly when: string;
  readonly what: string;
  /** What became of it: `dose changed to two tablets, before that one tablet`. */
  readonly how: string;
}

/** Of one day: a panel of the laboratory may have dozens. */
const MOST_READINGS = 8;
/** How far back from the last reading others are listed: three days. */
const LAST_READINGS_MS = 3 * 86_400_000;

/** Returns the latest changes, the last first; what has no date is in none. */
export function changesOf(entries: readonly Entry[], groups: readonly Group[], most: number): readonly Change[] {
  const medicines = medicinesOf(coursesOf(entries));
  const all = [
    ...medicines.flatMap(({ courses }) => courses.map((each) => ofCourse(each, courses))),
    ...entries.map(ofEntry),
    ...groups.map(ofGroup),
    ...ofLastReadings(groups),
  ];
  return all
    .filter((each): each is Change => each !== null && !Number.isNaN(each.at))
    .sort((one, other) => other.at - one.at)
    .slice(0, most);
}

/** The end of a course is a change if no other goes on from it; else its beginning is. */
function ofCourse(course: Course, courses: readonly Course[]): Change | null {
  const { title, start, end, doses } = course;
  const isFollowed = courses.some((each) => each !== course && each.start.slice(0, 10) === end.slice(0, 10));
  if (end && !course.isCurrent && !isFollowed) return change(end, title, course.status);
  const before = doseBefore(course, courses);
  const dose = doses.join(", ");
  if (before) return change(start, title, `dose changed to ${dose}; before that ${before.doses.join(", ")}`);
  if (start) return change(start, title, `started${dose && `: ${dose}`}`);
  return change(recordedOn(course), title, `recorded${dose && `: ${dose}`}`);
}

/** When a medicine was recorded that has no date of its own; undefined if nobody says. */
function recordedOn({ parts }: Course): string | undefined {
  return parts.map(({ resource }) => (resource as MedicationStatement).dateAsserted).find((each) => each !== undefined);
}

const IN_HOSPITAL = ["IMP", "ACUTE", "NONAC", "EMER"];

function ofEntry(entry: Entry): Change | null {
  const { title, resource } = entry;
  if (entry.type === "Condition") {
    const { abatementDateTime, onsetDateTime, onsetPeriod, assertedDate, clinicalStatus = "ended" } = resource as Condition;
    if (abatementDateTime !== undefined) return change(abatementDateTime, title, clinicalStatus);
    const onset = onsetDateTime ?? onsetPeriod?.start;
    return entry.isCurrent ? change(onset ?? assertedDate, title, onset ? "new problem" : "problem recorded") : null;
  }
  if (entry.type === "AllergyIntolerance" && entry.isCurrent && !saysNone(entry)) {
    return change((resource as AllergyIntolerance).assertedDate, title, "allergy recorded");
  }
  if (entry.type === "Encounter" && isStay(resource)) {
    return change((resource as Encounter).period?.start, title, `in hospital ${entry.when}`);
  }
  return null;
}

/** Returns whether an encounter is one in hospital over a night, as far as is known. */
function isStay({ class: kind, period = {} }: Encounter): boolean {
  return IN_HOSPITAL.includes(kind?.code ?? "") && period.start?.slice(0, 10) !== period.end?.slice(0, 10);
}

function ofGroup({ title, rows }: Group): Change | null {
  const [latest, before] = rows;
  if (!latest?.flags.length) return null;
  const was = before ? `; was ${before.text}` : "";
  return { at: latest.at, when: dayOf(latest), what: title, how: `${latest.text}, ${flagText(latest.flags)}${was}` };
}

/** The readings up to the last that is in range: a line for each day, as they are many and say little by themselves. */
function ofLastReadings(groups: readonly Group[]): readonly Change[] {
  const inRange = groups.flatMap(({ rows: [latest] }) => (latest && !latest.flags.length && !Number.isNaN(latest.at) ? [latest.at] : []));
  const last = Math.max(...inRange);
  const readings = groups
    // The latest has a line of its own where it is out of range.
    .flatMap(({ title, rows }) => rows.filter((row, place) => place > 0 || !row.flags.length).map((row) => ({ title, row })))
    .filter(({ row: { at } }) => at <= last && last - at < LAST_READINGS_MS);
  const days = new Set(readings.map(({ row }) => dayOf(row)));
  return [...days].map((when) => {
    const ofDay = readings.filter(({ row }) => dayOf(row) === when);
    const said = ofDay.slice(0, MOST_READINGS).map(({ title, row }) => `${title} ${row.text}${row.flags.length ? ` (${flagText(row.flags)})` : ""}`);
    const left = ofDay.length - said.length;
    return { at: Math.max(...ofDay.map(({ row }) => row.at)), when, what: "Readings", how: said.join(", ") + (left ? ` and ${left} more` : "") };
  });
}

function change(date: string | undefined, what: string, how: string): Change {
  return { at: epochOf(date), when: dayText(dateText(date ?? "")), what, how };
}

function dayText(when: string): string {
  return when.split(", ", 1)[0] ?? when;
}
