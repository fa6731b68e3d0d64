/** What a search parameter takes, as the CapabilityStatement tells it.
 *
 * STU3's searchParam has no element for modifiers and prefixes. This server's documentation of each names them in one
 * form: `birthDate: A date of any precision after `eq ne …`. Modifiers: `:missing`. A comma means or.`
 */

import type { SearchParameter } from "./capabilities.ts";

export interface ParameterSyntax {
  /** Where in the resource it looks. */
  readonly paths: string;
  /** What a value is, in a sentence. */
  readonly value: string;
  /** Modifiers, without their colons and without the types that a reference may point at. */
  readonly modifiers: readonly string[];
  /** The types that a reference may point at. */
  readonly targets: readonly string[];
  readonly prefixes: readonly string[];
  /** The parameters that a composite joins. */
  readonly parts: readonly string[];
}

/** Returns what a parameter takes. What its documentation does not say it does not take. */
export function syntaxOf({ documentation = "" }: Pick<SearchParameter, "documentation">): ParameterSyntax {
  const [paths = "", said = ""] = documentation.split(/: (.*)/s);
  const [value = "", rest = ""] = said.split(/\. Modifiers: (.*)/s);
  const modifiers = [.../^(?:`:\w+`(?:, )?)*/.exec(rest)?.[0].matchAll(/:(\w+)/g) ?? []].map(([, name = ""]) => name);
  const [, prefixes = ""] = / after `([a-z ]+)`$/.exec(value) ?? [];
  const [, parts = ""] = / Parts: ([^.]*)\./.exec(rest) ?? [];
  return {
    paths,
    value: value.replace(/ after `[a-z ]+`$/, "").replaceAll("`", ""),
    modifiers: modifiers.filter((each) => !isType(each)),
    targets: modifiers.filter(isType),
    prefixes: prefixes.split(" ").filter((each) => each !== ""),
    parts: [...parts.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name),
  };
}

/** Says whether `_sort` takes a parameter: dates, texts and the id (search.md, Result parameters). */
export function isSortable({ name, type }: Pick<SearchParameter, "name" | "type">): boolean {
  return type === "date" || type === "string" || name === "_id";
}

function isType(modifier: string): boolean {
  return /^[A-Z]/.test(modifier);
}
