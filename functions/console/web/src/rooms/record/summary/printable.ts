/** A record's summary as the texts that are printed, by which it is known how much of it fits. */

import type { Patient } from "../../../fhir/clinical.ts";
import { addressText } from "../../../fhir/text.ts";
import { type Entry, latestFirst } from "../entries/entries.ts";
import { type Medicine, medicineFacts } from "../entries/medicines.ts";
import type { Group } from "../observations/observation-groups.ts";
import { patientName } from "../patient-summary.ts";
import type { Change } from "./changes.ts";
import type { Item, Printable } from "./print-bounds.ts";

/** Of values that are as they should be, what follows the first is in the whole record. */
const FEWEST_VALUES = 8;
/** Of a patient's addresses, and of each other way to reach them. */
export const MOST_CONTACTS = 2;
/** Letters of a name and its value beside each other. */
const A_LINE = 40;

/** Returns what a summary prints if it has room; `groups` are in the order in which they matter. */
export function printableOf({ patient, missing, entries, medicines, groups, changes, charts }: {
  readonly patient: Patient | undefined;
  /** What is said to be missing, at the head of each page. */
  readonly missing: string;
  readonly entries: readonly Entry[];
  readonly medicines: readonly Medicine[];
  readonly groups: readonly Group[];
  readonly changes: readonly Change[];
  readonly charts: readonly Group[];
}): Printable {
  const current = (type: string) => latestFirst(entries.filter((each) => each.type === type && each.isCurrent));
  const flagged = groups.filter((each) => each.rows[0]?.flags.length).length;
  return {
    head: [[missing], ...(patient ? headOf(patient) : [])],
    allergies: current("AllergyIntolerance").map((each) => [[each.title, each.alert, ...each.facts].join("   ")]),
    medicines: medicines.filter((each) => each.isCurrent).map(ofMedicine),
    problems: current("Condition").map((each) => [`${each.title}   ${each.status}`, [each.when, ...each.facts].join("   "), ...doubtsOf(each)]),
    values: groups.slice(0, Math.max(FEWEST_VALUES, flagged)).map(ofValue),
    changes: changes.map((each) => [`${each.when} ${each.what} ${each.how}`]),
    charts: charts.map((each) => [`${each.title} in ${each.unit}`, ...each.series.map(({ label, range }) => `${label} ${range?.text ?? ""}`)]),
  };
}

/** The name in large letters, and what has a quarter of the width each. */
function headOf(patient: Patient): readonly Item[] {
  const name = patientName(patient);
  const inQuarter = (texts: readonly string[]) => texts.slice(0, MOST_CONTACTS).map((each) => each.repeat(5));
  return [[name, name], ["Born", "Contact details"], ["Address", ...inQuarter((patient.address ?? []).map(addressText))]];
}

function ofMedicine(medicine: Medicine): Item {
  const { title, doses, courses } = medicine;
  return [title, [...doses, ...medicineFacts(medicine)].join("   "), ...new Set(courses.flatMap(doubtsOf))];
}

function ofValue({ title, rows, series }: Group): Item {
  const [latest, before] = rows;
  if (!latest) return [title];
  const value = `${latest.flags.map((each) => `${each.of} ${each.flag}`).join("      ")}      ${latest.text}`;
  const facts = latest.flags.length || latest.remarks
    ? [latest.when, before?.text, series[0]?.range?.text, latest.remarks].filter((each) => each).join("   ")
    : "";
  const line = `${title} ${facts ? "" : latest.when} ${value}`;
  // Where there is no room beside the name, the value stands below it.
  return [...(line.length > A_LINE ? [title, value] : [line]), facts, ...doubtsOf(latest)];
}

function doubtsOf({ doubts }: Pick<Entry, "doubts">): readonly string[] {
  return doubts.map((each) => each.text);
}
