/** The ways to compare a parameter's values, in words: its prefixes and modifiers. */

import type { SearchParameter } from "../../fhir/capabilities.ts";
import { type ParameterSyntax, syntaxOf } from "../../fhir/parameter-syntax.ts";

/** How it is written in a criterion, and how it reads. */
export type Comparison = readonly [how: string, words: string];

const PLAIN: Readonly<Record<SearchParameter["type"], string>> = {
  string: "begins with",
  token: "is",
  date: "is within",
  number: "is",
  quantity: "is",
  reference: "is",
  uri: "is",
  composite: "are",
};

const MODIFIERS: Readonly<Record<string, string>> = { exact: "is exactly", contains: "contains", not: "is not" };

const OF_DATES: Readonly<Record<string, string>> = {
  ne: "is not within",
  gt: "reaches beyond",
  lt: "begins before",
  ge: "is within or after",
  le: "is within or before",
  sa: "starts after",
  eb: "ends before",
  ap: "is about",
};

const OF_NUMBERS: Readonly<Record<string, string>> = {
  ne: "is not",
  gt: "is greater than",
  lt: "is less than",
  ge: "is at least",
  le: "is at most",
  sa: "starts after",
  eb: "ends before",
  ap: "is about",
};

/** Returns the ways that the server says it takes, the plain one first. */
export function comparisonsOf(parameter: SearchParameter): readonly Comparison[] {
  const syntax = syntaxOf(parameter);
  return [["", PLAIN[parameter.type]], ...modified(syntax), ...prefixed(syntax, parameter.type), ...missing(syntax)];
}

function modified({ modifiers }: ParameterSyntax): readonly Comparison[] {
  return modifiers
    .filter((each) => each !== "missing")
    .map((each) => [each, MODIFIERS[each] ? `${MODIFIERS[each]} (:${each})` : `:${each}`]);
}

function prefixed({ prefixes }: ParameterSyntax, type: SearchParameter["type"]): readonly Comparison[] {
  const words = type === "date" ? OF_DATES : OF_NUMBERS;
  // `eq` is what is meant without any.
  return prefixes.filter((each) => each !== "eq").map((each) => [each, words[each] ? `${words[each]} (${each})` : each]);
}

function missing({ modifiers }: ParameterSyntax): readonly Comparison[] {
  if (!modifiers.includes("missing")) return [];
  return [["missing:true", "is missing (:missing=true)"], ["missing:false", "is there (:missing=false)"]];
}
