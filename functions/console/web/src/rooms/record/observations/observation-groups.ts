/** A patient's observations put together by what was measured, in one unit each, as charts and lists need them. */

import type { Measured, Observation } from "../../../fhir/clinical.ts";
import type { CodeableConcept, Quantity } from "../../../fhir/datatypes.ts";
import { dateText, epochOf } from "../../../fhir/dates.ts";
import { conceptText, unitText } from "../../../fhir/text.ts";
import type { Doubt } from "../../../plausibility/doubts.ts";
import { type Flagged, flagsOf, isInterpreted, limitedRange, unitKey } from "./flags.ts";
import { measuredText, referenceRangeText } from "./measured-text.ts";
import { HBA1C, ukName, ukQuantity } from "../../../fhir/uk-terms.ts";

/** One observation in a group. */
export interface Row {
  readonly id: string;
  /** In epoch milliseconds; NaN if it has no time. */
  readonly at: number;
  readonly when: string;
  readonly text: string;
  /** A number for each of the group's series; null where it has none. */
  readonly values: readonly (number | null)[];
  readonly flags: readonly Flagged[];
  /** What is to be known beside the value: interpretation, a status that is not final. */
  readonly remarks: string;
  readonly doubts: readonly Doubt[];
}

/** Returns what is hardly right about an observation. */
type DoubtsOf = (one: Observation) => readonly Doubt[];

export interface Series {
  readonly label: string;
  /** The latest reference range that has a limit. */
  readonly range: Limits | null;
}

export interface Limits {
  readonly low: number | null;
  readonly high: number | null;
  readonly text: string;
}

export interface Group {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  /** None for what is no number. */
  readonly series: readonly Series[];
  /** The latest first; those without a time last. */
  readonly rows: readonly Row[];
}

/** Below this many numbers in time a line says nothing that the values do not. */
const FEWEST_POINTS = 3;

/** Returns the groups: those with most values first. What was entered in error is in none. */
export function groupsOf(observations: readonly Observation[], doubtsOf: DoubtsOf = () => []): readonly Group[] {
  const found = new Map<string, Observation[]>();
  for (const each of observations) {
    if (each.status === "entered-in-error") continue;
    const key = keyOf(each);
    found.set(key, [...(found.get(key) ?? []), each]);
  }
  return [...found].map(([key, members]) => groupOf(key, members, doubtsOf)).sort(byRows);
}

/** Returns whether the group is of HbA1c, by which a diabetes is controlled. */
export function isOfHba1c(group: Group): boolean {
  return group.title === HBA1C;
}

/** Returns whether a chart is drawn for a group. */
export function isChart(group: Group): boolean {
  return points(group).length >= FEWEST_POINTS;
}

/** Returns the groups that are chosen or flagged before all others, each in their order. */
export function foremost(groups: readonly Group[], isChosen: (group: Group) => boolean): readonly Group[] {
  const rankOf = (each: Group) => (isChosen(each) ? 0 : each.rows[0]?.flags.length ? 1 : 2);
  return groups.toSorted((one, other) => rankOf(one) - rankOf(other));
}

/** Returns whether a value cannot be of its date: in a chart it would leave no room for the others. */
export function isImpossible({ doubts }: Row): boolean {
  return doubts.some((each) => each.isImpossible);
}

/** Returns the rows that have a possible time and a number, the earliest first. */
export function points(group: Group): readonly Row[] {
  const has = (row: Row) => !Number.isNaN(row.at) && !isImpossible(row) && row.values.some((each) => each !== null);
  return group.rows.filter(has).sort((one, other) => one.at - other.at);
}

/** Returns what a chart shows, for who does not see it. */
export function chartLabel(group: Group): string {
  const drawn = points(group);
  const [first, last] = [drawn[0], drawn.at(-1)];
  if (!first || !last) return group.title;
  const span = `${drawn.length} values from ${dayOf(first)} to ${dayOf(last)}`;
  return `${group.title}, ${span}, latest ${last.text}`;
}

/** Returns the day of a row, without its time. */
export function dayOf(row: Row): string {
  return row.when.split(", ", 1)[0] ?? row.when;
}

function byRows(one: Group, other: Group): number {
  return other.rows.length - one.rows.length || one.title.localeCompare(other.title, "en-GB");
}

/** The same for what was measured alike: its code, and the code and unit of each number. */
function keyOf(one: Observation): string {
  const numbers = numbersOf(one).map((each) => `${codeKey(each.code)}${unitKey(quantityOf(each))}`);
  return JSON.stringify([codeKey(one.code), numbers.length ? "number" : "other", [...new Set(numbers)].sort()]);
}

const PREFERRED = ["http://loinc.org", "http://snomed.info/sct"];

/** Of several codes for one thing, the one of the system that most records have; its name if that is listed. */
function codeKey(concept: CodeableConcept | undefined): string {
  const name = ukName(concept);
  if (name) return name;
  const codings = concept?.coding ?? [];
  const coding = PREFERRED.map((system) => codings.find((each) => each.system === system)).find((each) => each) ?? codings[0];
  return coding?.code === undefined ? (concept?.text ?? "") : `${coding.system ?? ""}|${coding.code}`;
}

/** Of several names for one thing the shortest: LOINC's say how it is measured as well. */
function shortText(concept: CodeableConcept | undefined): string {
  const name = ukName(concept);
  if (name || !concept || concept.text) return name || conceptText(concept);
  const names = (concept.coding ?? []).map((each) => each.display ?? "").filter((each) => each !== "");
  return names.sort((one, other) => one.length - other.length)[0] ?? conceptText(concept);
}

/** Returns a number in the unit that it is shown in. */
function quantityOf(one: Measured): Quantity | undefined {
  return one.valueQuantity && ukQuantity(one.code, one.valueQuantity);
}

/** Returns the numbers of an observation: its own, else those of its components. */
function numbersOf(one: Observation): readonly Measured[] {
  if (one.valueQuantity?.value !== undefined) return [one];
  return (one.component ?? []).filter((each) => each.valueQuantity?.value !== undefined);
}

function groupOf(key: string, members: readonly Observation[], doubtsOf: DoubtsOf): Group {
  const rows = members
    .map((each) => ({ observation: each, at: epochOf(timeOf(each)) }))
    .sort((one, other) => rank(other.at) - rank(one.at));
  const latest = rows.map((each) => each.observation);
  const keys = [...new Set(latest.flatMap((each) => numbersOf(each).map((number) => codeKey(number.code))))];
  const [sample] = latest;
  return {
    key,
    title: shortText(sample?.code) || "Without a name",
    unit: unitText(latest.flatMap(numbersOf).map(quantityOf)[0]),
    series: keys.map((each) => seriesOf(each, latest)),
    rows: rows.map(({ observation, at }) => ({ ...rowOf(observation, at, keys), doubts: doubtsOf(observation) })),
  };
}

function rank(at: number): number {
  return Number.isNaN(at) ? Number.MIN_SAFE_INTEGER : at;
}

function seriesOf(key: string, latest: readonly Observation[]): Series {
  const numbers = latest.flatMap(numbersOf).filter((each) => codeKey(each.code) === key);
  return { label: shortText(numbers[0]?.code), range: numbers.map(limitsOf).find((each) => each !== null) ?? null };
}

function limitsOf(one: Measured): Limits | null {
  const range = limitedRange(one);
  if (!range) return null;
  const [low, high] = [range.low, range.high].map((each) => (each && ukQuantity(one.code, each))?.value ?? null);
  return { low: low ?? null, high: high ?? null, text: referenceRangeText(range, one.code) };
}

function rowOf(one: Observation, at: number, keys: readonly string[]): Omit<Row, "doubts"> {
  const numbers = numbersOf(one);
  const time = timeOf(one);
  const status = one.status === "final" || one.status === undefined ? "" : one.status.replaceAll("-", " ");
  const others = [one, ...(one.component ?? [])].filter((each) => !isInterpreted(each));
  const interpretations = others.map((each) => conceptText(each.interpretation));
  return {
    id: one.id ?? "",
    at,
    when: time ? dateText(time) : "",
    text: measuredText(one),
    values: keys.map((key) => numbers.filter((each) => codeKey(each.code) === key).map(quantityOf)[0]?.value ?? null),
    flags: flagsOf(one),
    remarks: [...new Set([...interpretations, status])].filter((each) => each !== "").join(", "),
  };
}

function timeOf(one: Observation): string | undefined {
  return one.effectiveDateTime ?? one.effectivePeriod?.start ?? one.effectivePeriod?.end;
}
