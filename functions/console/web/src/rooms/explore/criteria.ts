/** A search as it is filled in, and the query that it makes. */

import type { SearchParameter } from "../../fhir/capabilities.ts";
import { isoDay } from "../../fhir/typed-dates.ts";

/** One row of the form. What its parameter's type has no field for stays empty. */
export interface Criterion {
  /** Tells rows of the same parameter apart. */
  readonly key: number;
  /** The parameter's name; empty for one that is written out. */
  readonly parameter: string;
  /** A prefix, a modifier, or `missing:true` and `missing:false`; empty for the plain comparison. */
  readonly how: string;
  readonly value: string;
  /** Of a token or a quantity. */
  readonly system: string;
  /** Of a quantity: its unit's code, or printed form. */
  readonly unit: string;
  /** Of a reference: the type that an id is of. */
  readonly target: string;
  /** Of one that is written out: its name, with modifier or chain. */
  readonly name: string;
}

export interface SearchForm {
  readonly criteria: readonly Criterion[];
  readonly includes: readonly string[];
  readonly reverseIncludes: readonly string[];
  readonly sort: string;
  readonly isDescending: boolean;
  /** As `_count`, `_summary` and `_elements` take it; empty for the server's own way. */
  readonly count: string;
  readonly summary: string;
  readonly elements: string;
}

export type Pair = readonly [name: string, value: string];

/** The system of a token that is to have none. */
export const NO_SYSTEM = "|";

/** What types are searched by most, the best first. */
const USUAL = [
  "name", "patient", "code", "vaccine-code", "date", "asserted-date", "authoredon", "effective", "birthdate", "practitioner",
  "type", "identifier", "organization",
];
const USUAL_ROWS = 3;

let lastKey = 0;

/** Returns an empty row for a parameter, or for one that is written out. */
export function emptyCriterion(parameter: string): Criterion {
  return { key: ++lastKey, parameter, how: "", value: "", system: "", unit: "", target: "", name: "" };
}

/** Returns an empty form, with rows for what a type is usually searched by. */
export function emptyForm(parameters: readonly SearchParameter[]): SearchForm {
  const usual = USUAL.filter((name) => parameters.some((each) => each.name === name)).slice(0, USUAL_ROWS);
  return {
    criteria: usual.map(emptyCriterion),
    includes: [],
    reverseIncludes: [],
    sort: "",
    isDescending: false,
    count: "",
    summary: "",
    elements: "",
  };
}

/** Returns the query's parameters in the form's order; rows without a value are left out, as the server does. */
export function pairsOf(form: SearchForm, parameters: readonly SearchParameter[]): readonly Pair[] {
  const pairs = form.criteria.map((each) => pairOf(each, parameters.find(({ name }) => name === each.parameter)));
  const { sort, isDescending, count, summary, elements } = form;
  const results: readonly Pair[] = [
    ...form.includes.map((each) => ["_include", each] as const),
    ...form.reverseIncludes.map((each) => ["_revinclude", each] as const),
    ["_sort", sort && (isDescending ? `-${sort}` : sort)],
    ["_count", count],
    ["_summary", summary],
    ["_elements", elements.replace(/\s+/g, "")],
  ];
  return [...pairs, ...results].filter((pair) => pair !== null).filter(([, value]) => value !== "");
}

/** Returns a row as a parameter of the query; null if it says nothing. */
export function pairOf(criterion: Criterion, parameter: SearchParameter | undefined): Pair | null {
  const { how, name } = criterion;
  if (!criterion.parameter) return name.trim() && criterion.value ? [name.trim(), criterion.value] : null;
  if (!parameter) return null;
  const [modifier = "", missing = ""] = how.split(":");
  if (missing) return [`${parameter.name}:${modifier}`, missing];
  const value = valueOf(criterion, parameter.type);
  if (!value) return null;
  const isModifier = ["exact", "contains", "not"].includes(modifier);
  return [isModifier ? `${parameter.name}:${modifier}` : parameter.name, value];
}

function valueOf(criterion: Criterion, type: SearchParameter["type"]): string {
  const { how, system, unit, target } = criterion;
  const values = alternativesOf(criterion.value);
  switch (type) {
    case "token": {
      const before = system === NO_SYSTEM ? NO_SYSTEM : system.trim() ? `${escaped(system.trim())}|` : "";
      return values.length || before === NO_SYSTEM ? values.map((each) => before + each).join(",") : before;
    }
    case "quantity": {
      const after = unit.trim() || system.trim() ? `|${escaped(system.trim())}|${escaped(unit.trim())}` : "";
      return values.map((each) => how + each + after).join(",");
    }
    case "date":
      return values.map((each) => how + (isoDay(each) ?? each)).join(",");
    case "number":
      return values.map((each) => how + each).join(",");
    case "reference":
      return values.map((each) => (target && !/[/:]/.test(each) ? `${target}/${each}` : each)).join(",");
    case "composite":
      // Its parts have signs of their own: it is written as it goes.
      return criterion.value.trim();
    default:
      return values.join(",");
  }
}

/** Returns what a text lists with commas, each escaped; a comma after a backslash is one of the text (STU3 Search §2.21.1.4.1). */
export function alternativesOf(text: string): readonly string[] {
  return text
    .split(/(?<!\\),/)
    .map((each) => escaped(each.trim()))
    .filter((each) => each !== "");
}

/** Escapes the signs that a search gives a meaning to; a comma that is escaped already stays so. */
function escaped(text: string): string {
  return text.replace(/\\,|[\\|$]/g, (sign) => (sign === "\\," ? sign : `\\${sign}`));
}

/** Returns a query to send: below the FHIR base, everything encoded that an address gives a meaning to. */
export function queryOf(type: string, pairs: readonly Pair[]): string {
  return joined(type, pairs, (text) => encodeURIComponent(text).replace(/%(?:2C|3A|2F)/g, decodeURIComponent));
}

/** Returns a query to read, with only the signs encoded that would divide it otherwise. */
export function readableQuery(type: string, pairs: readonly Pair[]): string {
  return joined(type, pairs, (text) => text.replace(/[%&#+=]/g, encodeURIComponent));
}

function joined(type: string, pairs: readonly Pair[], encoded: (text: string) => string): string {
  const query = pairs.map(([name, value]) => `${encoded(name)}=${encoded(value)}`).join("&");
  return query ? `${type}?${query}` : type;
}
