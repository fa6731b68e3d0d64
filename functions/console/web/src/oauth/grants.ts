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

export interface Grant {
  readonly type: ServedType;
  readonly letters: ReadonlySet<Letter>;
}

/** What one scope opens: letters by types. The level is empty if the scope names none. */
interface Opened {
  readonly level: string;
  readonly letters: Map<string, string>;
}

/** Every scope that opens something. */
const SCOPES = new Map<string, Opened>(
  Object.entries(rules.plain).map(([text, letters]) => [text, { level: "", letters: new Map(Object.entries(letters)) }]),
);
for (const type of rules.types) {
  for (const [name, place] of Object.entries<number>(type.openedBy)) {
    for (const [access, letters] of Object.entries<string>(rules.openings[place] ?? {})) {
      for (const level of rules.levels) {
        const text = textOf(level, name, access);
        const opened = SCOPES.get(text) ?? { level, letters: new Map() };
        SCOPES.set(text, opened);
        opened.letters.set(type.name, letters);
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
  return SERVED_TYPES.map((type) => {
    const opening = held.filter(({ level }) => levelOpens(level, type, patient));
    const letters = opening.flatMap((each) => Array.from(each.letters.get(type.name) ?? "") as Letter[]);
    return { type, letters: new Set(letters) };
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
  const served = SERVED_TYPES.find((each) => each.name === type);
  const levels = heldIn(scope).map(({ level }) => level);
  const level = levels.find((each) => each && (!served || levelOpens(each, served, patient))) ?? rules.defaultLevel;
  return textOf(level, type, access);
}

function heldIn(scope: string): readonly Opened[] {
  return scope.split(" ").flatMap((each) => SCOPES.get(each) ?? []);
}

function levelOpens(level: string, type: ServedType, patient: string): boolean {
  return patient !== "" || !type.boundLevels.includes(level);
}

function textOf(level: string, name: string, access: string): string {
  return `${level}/${name}.${access}`;
}
