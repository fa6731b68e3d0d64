/** What letters mean to a search, in words and for what it includes. */

import { type Letter, LETTERS } from "../../oauth/grants.ts";

/** Returns letters as words: `read, search`. */
export function wordsFor(letters: ReadonlySet<Letter>): string {
  return LETTERS.filter(([letter]) => letters.has(letter))
    .map(([, word]) => word)
    .join(", ");
}

/** Returns what an include needs besides the search itself: a reverse one searches the type that it finds (access.md). */
export function isIncluded(letters: ReadonlySet<Letter>, isReverse: boolean): boolean {
  return letters.has("r") && (!isReverse || letters.has("s"));
}
