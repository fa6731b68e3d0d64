/** Finding patients: what a person types as the searches that it means, and what is found in the order of the names shown. */

import type { Patient } from "../../fhir/clinical.ts";
import { dateText } from "../../fhir/dates.ts";
import { isNhsNumber } from "../../fhir/nhs-number.ts";
import { patientId } from "../../fhir/reference-place.ts";
import { chosenName, NHS_NUMBER, nhsNumberText } from "../../fhir/text.ts";
import { typedDate } from "../../fhir/typed-dates.ts";
import { patientName } from "./patient-summary.ts";

/** What was typed as it is understood. */
export interface Understood {
  /** The searches that it means; none if it means nothing. */
  readonly queries: readonly string[];
  /** How it was read where that is not plain, or what is wrong with it; empty if there is nothing to say. */
  readonly remark: string;
  /** What to type instead, where it can mean several: a date with its century. */
  readonly choices: readonly string[];
}

const TEN_DIGITS = /(?<![\p{L}\d])\d{3}[\s-]?\d{3}[\s-]?\d{4}(?![\p{L}\d])/u;
/** What people write before a date of birth or an NHS number, as forms and letters do. */
const LABELS = /(?<![\p{L}\d])(?:d\.?o\.?b\.?|born(?: on)?|date of birth|nhs(?: (?:no\.?|number))?)(?![\p{L}\d])\s*:?/giu;
const EXAMPLES = "Type a name, a date of birth such as 23/08/1971, both, an NHS number, or an id as in Patient/4.";

/** Returns what a text asks for: patients by NHS number, date of birth, name, several of them, or id.
 *
 * `today` is `2026-11-26`. What cannot be understood is searched by nothing: that nobody is found would be untrue.
 */
export function understood(typed: string, today: string, count: number): Understood {
  const text = typed.trim();
  const id = patientId(text);
  if (id !== null && text.startsWith("Patient/")) return searches([`Patient?_id=${id}`]);
  const number = TEN_DIGITS.exec(text)?.[0];
  const others = text.replace(number ?? "", " ").replace(/^\s*Patient\//, "");
  const born = typedDate(others, today);
  const rest = born?.rest ?? others;
  const words = wordsOf(born || number !== undefined ? rest.replace(LABELS, " ") : rest);
  const strange = words.find((each) => /^\d/.test(each)) ?? (words.length && !words.some((each) => /\p{L}/u.test(each)) ? text : undefined);
  // Of digits alone it is short, as an NHS number with a slip is not; a year may be an id as well.
  const isId = id !== null && number === undefined && (/^\d{1,8}$/.test(id) || (!born && /\d/.test(id) && /\D/.test(id)));
  const ids = isId ? [`Patient?_id=${id}`] : [];
  if (born?.fault) return { queries: ids, remark: born.fault, choices: [] };
  const name = words.join(" ");
  if (strange !== undefined) return ids.length ? asId(ids, text) : { queries: [], remark: strangeText(text, strange), choices: [] };
  const criteria = [
    ...(number === undefined ? [] : [`identifier=${encodeURIComponent(`${NHS_NUMBER}|${number.replaceAll(/\D/g, "")}`)}`]),
    ...(born ? [`birthdate=${born.dates.join(",")}`] : []),
    ...(name ? [`name=${encodeURIComponent(name)}`] : []),
  ];
  if (!criteria.length) return ids.length ? asId(ids, text) : { queries: [], remark: strangeText(text, text), choices: [] };
  const order = number === undefined ? "&_sort=family" : "";
  return {
    queries: [`Patient?${criteria.join("&")}${order}&_count=${count}`, ...ids],
    remark: [number === undefined ? "" : numberText(number), born ? bornText(born.dates, name) : ""].filter((each) => each !== "").join(" "),
    choices: born && born.dates.length > 1 ? born.dates.map((each) => [number, name, dateText(each)].filter((one) => one).join(" ")) : [],
  };
}

/** Of a number alone it is said how it was read: it may have been meant for something else. */
function asId(queries: readonly string[], text: string): Understood {
  return { queries, remark: `Read as the id Patient/${text}.`, choices: [] };
}

function searches(queries: readonly string[]): Understood {
  return { queries, remark: "", choices: [] };
}

/** A comma would mean or, and the banner's own form has one; the title in its brackets is a part of the name too. */
function wordsOf(text: string): readonly string[] {
  return text.replaceAll(/[\\,|$()]+/g, " ").split(/\s+/).filter((each) => each !== "");
}

function bornText(dates: readonly string[], name: string): string {
  const born = dates.map(dateText).join(" or ");
  return dates.length > 1 ? `Born ${born}? Choose one.` : `Read as ${name ? `${name}, ` : ""}born ${dates[0]?.length === 10 ? "" : "in "}${born}.`;
}

function numberText(number: string): string {
  if (isNhsNumber(number)) return "";
  return `${nhsNumberText(number.replaceAll(/\D/g, ""))} is no NHS number: its last digit does not fit the others. Check each digit.`;
}

function strangeText(text: string, strange: string): string {
  const digits = text.replaceAll(/[\s-]/g, "");
  if (/^\d{7,}$/.test(digits)) return `An NHS number has ten digits, and this has ${digits.length}. ${EXAMPLES}`;
  return `“${strange}” is not understood. ${EXAMPLES}`;
}

const BY_NAME = new Intl.Collator("en-GB", { sensitivity: "base" });

/** Returns patients in the order of the names that are shown. The server's goes by any name, a maiden name too. */
export function byShownName(patients: readonly Patient[]): readonly Patient[] {
  return patients.toSorted((one, other) => BY_NAME.compare(patientName(one), patientName(other)));
}

/** Returns the family names of a patient that are not shown, each with its use: a maiden name by which one was found. */
export function otherFamilyNames({ name: names = [] }: Patient): readonly string[] {
  const shown = chosenName(names)?.family;
  const others = names.filter(({ family }) => family !== undefined && family !== shown);
  return [...new Set(others.map(({ family = "", use }) => (use ? `${family} (${use})` : family)))];
}
