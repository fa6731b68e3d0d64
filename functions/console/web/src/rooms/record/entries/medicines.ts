/** Prescriptions and statements of the same medicine put together: one course of each dose, one line of each medicine. */

import type { MedicationRequest, MedicationStatement } from "../../../fhir/clinical.ts";
import { dateText } from "../../../fhir/dates.ts";
import type { Doubt } from "../../../plausibility/doubts.ts";
import { type Entry, latestFirst } from "./entries.ts";
import { dosages } from "./medication.ts";

/** What was taken in one dose from one day on: a prescription, a statement, or both. */
export interface Course extends Entry {
  readonly parts: readonly Entry[];
  /** Dates as they were recorded; empty if they were not. */
  readonly start: string;
  readonly end: string;
  readonly doses: readonly string[];
}

export interface Medicine {
  readonly title: string;
  readonly isCurrent: boolean;
  /** The latest first; a current medicine's current ones before all others. */
  readonly courses: readonly Course[];
  /** Of the courses that hold now, else of the latest: more than one if the record contradicts itself. */
  readonly doses: readonly string[];
}

const REQUEST = "MedicationRequest";
const STATEMENT = "MedicationStatement";

/** Returns whether an entry says something of a medicine. */
export function isOfMedicine({ type }: Entry): boolean {
  return type === REQUEST || type === STATEMENT;
}

/** Returns the entries with each statement put to its prescription: the one that it names, else the same medicine's of that day. */
export function withCourses(entries: readonly Entry[]): readonly Entry[] {
  return [...entries.filter((each) => !isOfMedicine(each)), ...coursesOf(entries)];
}

/** Returns the courses of all medicines. */
export function coursesOf(entries: readonly Entry[]): readonly Course[] {
  const requests = entries.filter((each) => each.type === REQUEST);
  const statements = entries.filter((each) => each.type === STATEMENT);
  const parts = new Map<Entry, Entry[]>(requests.map((each) => [each, [each]]));
  for (const each of statements) {
    const own = parts.get(requests.find((one) => isBasedOn(each, one)) ?? requests.find((one) => isAlike(each, one)) ?? each);
    if (own) own.push(each);
    else parts.set(each, [each]);
  }
  return [...parts.values()].map(courseOf);
}

/** Returns the medicines of courses: the current ones first, then the latest. */
export function medicinesOf(courses: readonly Course[]): readonly Medicine[] {
  const found = new Map<string, Course[]>();
  for (const each of latestFirst(courses) as readonly Course[]) {
    const key = each.title === NAMELESS ? `${each.type}/${each.id}` : each.title.toLowerCase();
    found.set(key, [...(found.get(key) ?? []), each]);
  }
  const medicines = [...found.values()].map(medicineOf);
  return [...medicines.filter((each) => each.isCurrent), ...medicines.filter((each) => !each.isCurrent)];
}

const NAMELESS = "Without a name";

function medicineOf(courses: readonly Course[]): Medicine {
  const current = courses.filter((each) => each.isCurrent);
  const ordered = [...current, ...courses.filter((each) => !each.isCurrent)];
  const said = current.length ? current : ordered.slice(0, 1);
  return {
    title: ordered[0]?.title ?? "",
    isCurrent: current.length > 0,
    courses: ordered,
    doses: different(said.flatMap((each) => each.doses)),
  };
}

/** Returns the course that ended when this one began, with another dose; null if there is none. */
export function doseBefore(course: Course, courses: readonly Course[]): Course | null {
  const before = courses.find(
    (each) => each !== course && each.end !== "" && dayOf(each.end) === dayOf(course.start) && each.start < course.start,
  );
  const isOther = before && course.doses.length > 0 && before.doses.join() !== course.doses.join();
  return isOther ? before : null;
}

/** Returns what is to be known of a medicine beside its dose: since when, its status, and the dose before. */
export function medicineFacts({ courses, isCurrent }: Medicine): readonly string[] {
  const [latest] = courses;
  if (!latest) return [];
  const before = doseBefore(latest, courses);
  const since = latest.start && `since ${dateText(latest.start)}`;
  return [
    isCurrent ? since || latest.when : latest.when,
    before ? `before that ${before.doses.join(", ")}` : "",
    latest.status === "active" ? "" : latest.status,
  ].filter((each) => each !== "");
}

function courseOf(parts: readonly Entry[]): Course {
  const [first] = parts as readonly [Entry];
  const statement = parts.find((each) => each.type === STATEMENT);
  const dated = statement && !Number.isNaN(statement.at) ? statement : first;
  const statuses = different(parts.map((each) => each.status));
  return {
    ...first,
    parts,
    kind: parts.map((each) => each.kind).join(" and "),
    when: dated.when,
    at: dated.at,
    status: statuses.length > 1 ? parts.map((each) => `${each.kind} ${each.status}`).join(", ") : (statuses[0] ?? ""),
    isCurrent: parts.some((each) => each.isCurrent),
    isInError: parts.every((each) => each.isInError),
    doubts: differentDoubts(parts),
    facts: different(parts.flatMap((each) => each.facts)).filter((each) => each !== `valid ${dated.when}`),
    start: startOf(dated),
    end: parts.map(endOf).find((each) => each !== "") ?? "",
    doses: different(parts.flatMap(dosesOf)),
  };
}

function isBasedOn(statement: Entry, request: Entry): boolean {
  const references = (statement.resource as MedicationStatement).basedOn ?? [];
  return references.some((each) => `/${each.reference ?? ""}`.endsWith(`/${REQUEST}/${request.id}`));
}

function isAlike(statement: Entry, request: Entry): boolean {
  const day = dayOf(startOf(statement));
  return statement.title.toLowerCase() === request.title.toLowerCase() && day !== "" && day === dayOf(startOf(request));
}

function startOf({ type, resource }: Entry): string {
  if (type === REQUEST) return (resource as MedicationRequest).authoredOn ?? "";
  const { effectiveDateTime, effectivePeriod } = resource as MedicationStatement;
  return effectiveDateTime ?? effectivePeriod?.start ?? "";
}

function endOf({ type, resource }: Entry): string {
  if (type === REQUEST) return (resource as MedicationRequest).dispenseRequest?.validityPeriod?.end ?? "";
  return (resource as MedicationStatement).effectivePeriod?.end ?? "";
}

function dosesOf({ type, resource }: Entry): readonly string[] {
  const list = type === REQUEST ? (resource as MedicationRequest).dosageInstruction : (resource as MedicationStatement).dosage;
  return dosages(list).filter((each) => each !== "");
}

function dayOf(date: string): string {
  return date.slice(0, 10);
}

/** Returns the doubts about several entries, each once. */
export function differentDoubts(entries: readonly Entry[]): readonly Doubt[] {
  return [...new Map(entries.flatMap(({ doubts }) => doubts).map((each) => [each.text, each])).values()];
}

/** Returns texts without those that differ from an earlier one in case alone. */
function different(texts: readonly string[]): readonly string[] {
  const first = new Map<string, string>();
  for (const each of texts) if (!first.has(each.toLowerCase())) first.set(each.toLowerCase(), each);
  return [...first.values()];
}
