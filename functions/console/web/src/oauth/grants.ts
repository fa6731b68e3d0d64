/** What scopes open, type by type. `make docs` writes the rules from the server's code (`access.md`, Scope grammar). */

import rules from "./server-rules.json" with { type: "json" };

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
  /** Whether it is a part of the directory. */
  readonly directory: boolean;
  /** Whether a resource of it is in a patient's compartment. */
  readonly inCompartment: boolean;
  readonly writable: boolean;
  /** False of what never changes, and so has no history. */
  readonly versioned: boolean;
  /** Whether only a scope that names it opens it, and no `*`. */
  readonly byNameOnly: boolean;
  /** The levels at which a scope opens it only in a token that is bound to a patient. */
  readonly boundLevels: readonly string[];
}

/** All types that the service serves, in its own order. */
export const SERVED_TYPES: readonly ServedType[] = rules.types;

/** What a scope's suffix demands of a resource: a search parameter and its value. */
export type Pair = readonly [name: string, value: string];

export interface Grant {
  readonly type: ServedType;
  readonly letters: ReadonlySet<Letter>;
  /** Of each letter that scopes with a suffix alone open: what they demand, each of all its pairs. Any of them is enough. */
  readonly limits: ReadonlyMap<Letter, readonly (readonly Pair[])[]>;
}

/** What one scope opens: letters by types. The level is empty if the scope names none. */
interface Opened {
  readonly level: string;
  readonly letters: Map<string, string>;
  /** The parameters by which a suffix of its may limit it. */
  readonly limitedBy: Set<string>;
}

/** A scope of a token, with the pairs of its suffix. */
interface Held extends Opened {
  readonly pairs: readonly Pair[];
}

/** Every scope that opens something. */
const SCOPES = new Map<string, Opened>(
  Object.entries(rules.plain).map(([text, letters]) => [text, { level: "", letters: new Map(Object.entries(letters)), limitedBy: new Set() }]),
);
for (const type of rules.types) {
  for (const [name, place] of Object.entries<number>(type.openedBy)) {
    for (const [access, letters] of Object.entries<string>(rules.openings[place] ?? {})) {
      for (const level of rules.levels) {
        const text = textOf(level, name, access);
        const opened = SCOPES.get(text) ?? { level, letters: new Map(), limitedBy: new Set() };
        SCOPES.set(text, opened);
        opened.letters.set(type.name, letters);
        if (name === "*" || rules.suffix.wordsWithout.includes(access)) continue;
        for (const each of type.limitedBy) opened.limitedBy.add(each);
      }
    }
  }
}

/** Returns what a scope string opens of each type, the closed ones too. Scopes that are none open nothing.
 *
 * `patient` is the one that the token is bound to, empty if it is bound to none.
 */
export function grantsOf(scope: string, patient = ""): readonly Grant[] {
  const held = heldIn(scope);
  return rules.types.map((type) => {
    const opening = held.filter(({ level }) => levelOpens(level, type, patient));
    const letters = new Set(opening.flatMap((each) => Array.from(each.letters.get(type.name) ?? "") as Letter[]));
    return { type, letters, limits: limitsOf(type, letters, held) };
  });
}

/** Returns the limits of letters that are open; no level makes a difference to them. */
function limitsOf(type: (typeof rules.types)[number], letters: ReadonlySet<Letter>, held: readonly Held[]): Grant["limits"] {
  const limits = new Map<Letter, readonly (readonly Pair[])[]>();
  if (!type.limitedBy.length) return limits;
  for (const letter of letters) {
    const granting = held.filter((each) => each.letters.get(type.name)?.includes(letter));
    if (granting.every((each) => each.pairs.length)) limits.set(letter, granting.map((each) => each.pairs));
  }
  return limits;
}

/** Returns on which condition a letter opens a resource, as `category is laboratory`; empty if it opens all, or none. */
export function conditionOf(grant: Grant | undefined, letter: Letter): string {
  const demanded = grant?.limits.get(letter) ?? [];
  return demanded.map((pairs) => pairs.map(([name, value]) => `${name} is ${value}`).join(" and ")).join(", or ");
}

/** Returns what of a type is limited, a line for each condition: `read, search only where category is laboratory`. */
export function limitLines(grant: Grant | undefined): readonly string[] {
  const words = new Map<string, string[]>();
  for (const [letter, word] of LETTERS) {
    const condition = conditionOf(grant, letter);
    if (condition) words.set(condition, [...(words.get(condition) ?? []), word]);
  }
  return [...words].map(([condition, letters]) => `${letters.join(", ")} only where ${condition}`);
}

/** Returns what a scope string opens of a type; nothing of one that is not served. `patient` is as in `grantsOf`. */
export function grantOf(scope: string, type: string, patient = ""): Grant | undefined {
  return grantsOf(scope, patient).find((each) => each.type.name === type);
}

/** Returns the letters that a scope string opens of a type; `patient` is as in `grantsOf`. */
export function lettersOf(scope: string, type: string, patient = ""): ReadonlySet<Letter> {
  return grantOf(scope, type, patient)?.letters ?? new Set();
}

/** Returns the scope that would open something of a type; `access` is as in `read`, `write` or `rs`.
 *
 * It is of the first level at which the token has others and that opens the type: a client is registered at one as a rule,
 * and could not get another's. `patient` is as in `grantsOf`.
 */
export function scopeFor(scope: string, type: string, access: string, patient = ""): string {
  const served = SERVED_TYPES.find((each) => each.name === type);
  const levels = heldIn(scope).map(({ level }) => level);
  const level = levels.find((each) => each && (!served || levelOpens(each, served, patient))) ?? rules.defaultLevel;
  return textOf(level, type, access);
}

function heldIn(scope: string): readonly Held[] {
  return scope.split(" ").flatMap((each) => {
    const [text = "", suffix] = each.split(/\?(.*)/s, 2);
    const opened = SCOPES.get(text);
    const pairs = opened && (suffix === undefined ? [] : pairsOf(suffix, opened.limitedBy));
    return opened && pairs ? [{ ...opened, pairs }] : [];
  });
}

const SUFFIX_VALUE = new RegExp(`^(?:${rules.suffix.value})$`);

/** Returns the pairs of a suffix, null if it is none of this server's. */
function pairsOf(suffix: string, names: ReadonlySet<string>): readonly Pair[] | null {
  const pairs = suffix.split("&").map((each): Pair => {
    const [name = "", value = ""] = each.split(/=(.*)/s, 2);
    return [name, value];
  });
  const isGood = pairs.every(([name, value]) => names.has(name) && SUFFIX_VALUE.test(value));
  const isOnceEach = new Set(pairs.map(([name]) => name)).size === pairs.length;
  return isGood && isOnceEach && pairs.length <= rules.suffix.mostPairs ? pairs : null;
}

function levelOpens(level: string, type: ServedType, patient: string): boolean {
  return patient !== "" || !type.boundLevels.includes(level);
}

function textOf(level: string, name: string, access: string): string {
  return `${level}/${name}.${access}`;
}
