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
  /** False of what never changes, and so has no history. */
  readonly versioned: boolean;
  /** Whether a scope opens it that names it, and no `*`; one at the level `patient` if the token is bound to a patient. */
  readonly byNameOnly: boolean;
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

/** Returns what a scope string opens of each type, the closed ones too. Scopes that are none open nothing.
 *
 * `patient` is the one that the token is bound to, empty if it is bound to none.
 */
export function grantsOf(scope: string, patient = ""): readonly Grant[] {
  const scopes = scope.split(" ").filter((each) => each !== "");
  return SERVED_TYPES.map((type) => {
    const letters = new Set(scopes.flatMap((each) => [...lettersFor(type, each, patient)]));
    if (type.directory && scopes.includes("profile")) letters.add("r").add("s");
    return { type, letters: type.writable ? letters : reading(letters) };
  });
}

/** Returns the letters that a scope string opens of a type; `patient` is as in `grantsOf`. */
export function lettersOf(scope: string, type: string, patient = ""): ReadonlySet<Letter> {
  return grantsOf(scope, patient).find((each) => each.type.name === type)?.letters ?? new Set();
}

/** Returns the scope that would open something of a type; `access` is as in `read`, `write` or `rs`.
 *
 * It is of the first level at which the token has others and that opens the type: a client is registered at one as a rule,
 * and could not get another's. `patient` is as in `grantsOf`.
 */
export function scopeFor(scope: string, type: string, access: string, patient = ""): string {
  const levels = [...scope.matchAll(/(?:^| )(patient|user|system)\//g)].map(([, level = ""]) => level);
  const served = SERVED_TYPES.find((each) => each.name === type);
  const level = levels.find((each) => !served || levelOpens(each, served, patient)) ?? "user";
  return `${level}/${type}.${access}`;
}

/** Returns the scopes of a string that say nothing about types: identity, launch, and what is not understood. */
export function plainScopes(scope: string): readonly string[] {
  return scope.split(" ").filter((each) => each !== "" && !RECORD_SCOPE.test(each));
}

function lettersFor(type: ServedType, scope: string, patient: string): ReadonlySet<Letter> {
  const found = RECORD_SCOPE.exec(scope);
  if (!found) return new Set();
  const [, level = "", name = "", v1, v2 = ""] = found;
  const letters = new Set((v1 ? (V1[v1] ?? "") : v2) as Iterable<Letter>);
  const isOwn = (PRESENT_NAMES.get(name) ?? name) === type.name;
  if (type.byNameOnly) {
    // To write what is read alone is no scope of the grammar.
    const isScope = type.writable || reading(letters).size === letters.size;
    return isOwn && isScope && levelOpens(level, type, patient) ? letters : new Set();
  }
  if (name === "*" || isOwn) return letters;
  return type.scopeNames.includes(name) ? reading(letters) : new Set();
}

function levelOpens(level: string, type: ServedType, patient: string): boolean {
  return patient !== "" || level !== "patient" || !type.byNameOnly;
}

function reading(letters: ReadonlySet<Letter>): Set<Letter> {
  return new Set([...letters].filter((each) => each === "r" || each === "s"));
}
