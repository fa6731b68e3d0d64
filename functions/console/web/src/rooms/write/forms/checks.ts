/** What is wrong with a form: what the page sees itself, and what the server has answered, field by field. */

import { isNhsNumber, noNhsNumberText } from "../../../fhir/nhs-number.ts";
import { type Problem, type ProblemDetail, ProblemError } from "../../../service/problem.ts";
import { asWriting, isOfText } from "../refusals.ts";
import type { Field, Values } from "./form.ts";
import { isSnomedCode } from "./snomed-code.ts";

/** Sentences by the names of the fields. */
export type FieldFaults = ReadonlyMap<string, string>;

/** Returns what a person has to mend before it is sent; `today` is as in `2026-11-26`. */
export function faultsIn(fields: readonly Field[], values: Values, today: string): FieldFaults {
  return new Map(
    fields.flatMap((field) => {
      const fault = faultOf(field, (values[field.name] ?? "").trim(), today);
      return fault ? [[field.name, fault] as const] : [];
    }),
  );
}

function faultOf({ kind, isRequired, range, unit = "", other }: Field, value: string, today: string): string {
  if (!value) return isRequired ? "This is needed." : "";
  if (kind === "snomed" && !isSnomedCode(value)) return "This is no code of SNOMED CT: check its digits.";
  if (kind === "nhs-number" && !isNhsNumber(value)) return noNhsNumberText(value);
  if (kind === "partial-date" && !/^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?$/.test(value)) return "Write a year, or a year and a month, such as 2022 or 2022-03.";
  if ((kind === "date" || kind === "partial-date") && value > today) return "This is in the future.";
  if (kind !== "decimal") return "";
  if (!/^-?\d{1,9}(\.\d{1,9})?$/.test(value) || (range && value.startsWith("-"))) return "Write a number, such as 72 or 36.6.";
  const [least, greatest] = range ?? [-Infinity, Infinity];
  const number = Number(value);
  if (number >= least && number <= greatest) return "";
  const isOther = other && number >= other[1] && number <= other[2];
  return `Check this: nobody has less than ${least} or more than ${greatest}.${isOther ? ` Is it in ${other[0]}? It has to be in ${unit}.` : ""}`;
}

/** A server's refusal: its faults at their fields, the rest of it, null if there is none, and what is said aloud. */
export interface Refusal {
  readonly atFields: FieldFaults;
  readonly rest: Problem | null;
  readonly said: string;
}

/** Returns the refusal that an error is; throws it anew if it is none whose faults have places. */
export function refusalAtFields(error: unknown, fields: readonly Field[]): Refusal {
  if (!(error instanceof ProblemError)) throw error;
  const problem = asWriting(error.problem);
  if (!isOfText(problem) || !problem.details.length) throw new ProblemError(problem);
  const { atFields, others } = faultsAtFields(problem.details, fields);
  return { atFields, rest: others.length ? { ...problem, details: others } : null, said: `${problem.title} ${problem.details.length} named.` };
}

/** Returns a server's faults at their fields, and those that are of no field. */
export function faultsAtFields(
  details: readonly ProblemDetail[],
  fields: readonly Field[],
): { readonly atFields: FieldFaults; readonly others: readonly ProblemDetail[] } {
  const atFields = new Map<string, string>();
  const others: ProblemDetail[] = [];
  for (const detail of details) {
    const field = nearest(fields, detail.where);
    if (!field) others.push(detail);
    else if (!atFields.has(field.name)) atFields.set(field.name, sentence(detail));
  }
  return { atFields, others };
}

/** Returns a server's sentence without the element's path that it begins with: the field's label stands above it. */
function sentence({ text, where }: ProblemDetail): string {
  const path = `${where.slice(where.indexOf(".") + 1)} `;
  return text.replace(text.startsWith(path) ? path : "", "").replace(/^./, (first) => first.toUpperCase()).replace(/[^.]$/, (last) => `${last}.`);
}

/** Returns the field that an expression is of: the one with the longest expression above it. */
function nearest(fields: readonly Field[], where: string): Field | undefined {
  const lengthOf = ({ at }: Field) => Math.max(0, ...at.filter((each) => isWithin(where, each)).map((each) => each.length));
  const [best] = fields.filter((each) => lengthOf(each) > 0).sort((one, other) => lengthOf(other) - lengthOf(one));
  return best;
}

function isWithin(where: string, at: string): boolean {
  return where === at || where.startsWith(`${at}.`) || where.startsWith(`${at}[`);
}
