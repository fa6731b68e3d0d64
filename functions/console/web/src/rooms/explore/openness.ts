/** What the session's token opens of a type, and which scope would open what it does not. */

import { grantsOf, type Letter, LETTERS } from "../../oauth/grants.ts";

/** Returns the letters that a scope string opens of a type. */
export function lettersOf(scope: string, type: string): ReadonlySet<Letter> {
  return grantsOf(scope).find((each) => each.type.name === type)?.letters ?? new Set();
}

/** Returns letters as words: `read, search`. */
export function wordsFor(letters: ReadonlySet<Letter>): string {
  return LETTERS.filter(([letter]) => letters.has(letter))
    .map(([, word]) => word)
    .join(", ");
}

/** Returns the scope that opens letters of a type, for whom the token's other scopes are. */
export function scopeFor(scope: string, type: string, letters: string): string {
  const whom = /\b(patient|user|system)\//.exec(scope)?.[1] ?? "system";
  return `${whom}/${type}.${letters}`;
}

/** Returns what an include needs besides the search itself: a reverse one searches the type that it finds (access.md). */
export function isIncluded(letters: ReadonlySet<Letter>, isReverse: boolean): boolean {
  return letters.has("r") && (!isReverse || letters.has("s"));
}
