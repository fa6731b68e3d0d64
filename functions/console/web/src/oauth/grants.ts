/** What scopes open, type by type: the server's own reading of them (`access.md`, Scope grammar). */

import table from "./resource-types.json" with { type: "json" };

export type Letter = "c" | "r" | "u" | "d" | "s";

export const LETTERS: readonly (readonly [Letter, string])[] = [
  ["r", "read"],
  ["s", "search"],
  ["c", "create"],
  ["u", "update"],
  ["d", "delete"],
];

export interface ServedType {
  readonly name: string;
  /** Whether it is a part of the directory, which `profile` opens for reading. */
  readonly directory: boolean;
  readonly writable: boolean;
  /** The names of types whose scopes open it for reading. */
  readonly scopeNames: readonly string[];
}

/** All types that the service serves, in its own order; `make docs` writes them from the one table. */
export const SERVED_TYPES: readonly ServedType[] = table;

const V1: Readonly<Record<string, string>> = { read: "rs", write: "cud", "*": "cruds" };
const RECORD_SCOPE = /^(patient|user|system)\/(\*|[A-Za-z]+)\.(?:(read|write|\*)|(?=[cruds])(c?r?u?d?s?))$/;

/** Former names, each with the type that it means: the first that is opened by it and goes by another name. */
const PRESENT_NAMES = new Map<string, string>();
for (const type of SERVED_TYPES) {
  for (const name of type.scopeNames) {
    if (!SERVED_TYPES.some((each) => each.name === name) && !PRESENT_NAMES.has(name)) PRESENT_NAMES.set(name, type.name);
  }
}

export interface Grant {
  readonly type: ServedType;
  readonly letters: ReadonlySet<Letter>;
}

/** Returns what a scope string opens of each type, the closed ones too. Scopes that are none open nothing. */
export function grantsOf(scope: string): readonly Grant[] {
  const scopes = scope.split(" ").filter((each) => each !== "");
  return SERVED_TYPES.map((type) => {
    const letters = new Set(scopes.flatMap((each) => [...lettersFor(type, each)]));
    if (type.directory && scopes.includes("profile")) letters.add("r").add("s");
    return { type, letters: type.writable ? letters : reading(letters) };
  });
}

/** Returns the letters that a scope string opens of a type. */
export function lettersOf(scope: string, type: string): ReadonlySet<Letter> {
  return grantsOf(scope).find((each) => each.type.name === type)?.letters ?? new Set();
}

/** Returns the scope that would open something of a type; `access` is as in `read`, `write` or `rs`.
 *
 * It is of the level at which the token has others: a client is registered at one as a rule, and could not get another's.
 */
export function scopeFor(scope: string, type: string, access: string): string {
  const level = /(?:^| )(patient|user|system)\//.exec(scope)?.[1] ?? "user";
  return `${level}/${type}.${access}`;
}

/** Returns the scopes of a string that say nothing about types: identity, launch, and what is not understood. */
export function plainScopes(scope: string): readonly string[] {
  return scope.split(" ").filter((each) => each !== "" && !RECORD_SCOPE.test(each));
}

function lettersFor(type: ServedType, scope: string): ReadonlySet<Letter> {
  const found = RECORD_SCOPE.exec(scope);
  if (!found) return new Set();
  const [, , name = "", v1, v2 = ""] = found;
  const letters = new Set((v1 ? (V1[v1] ?? "") : v2) as Iterable<Letter>);
  if (name === "*" || (PRESENT_NAMES.get(name) ?? name) === type.name) return letters;
  return type.scopeNames.includes(name) ? reading(letters) : new Set();
}

function reading(letters: ReadonlySet<Letter>): Set<Letter> {
  return new Set([...letters].filter((each) => each === "r" || each === "s"));
}
