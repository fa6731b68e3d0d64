/** What becomes of a Bundle's entries, by its type. */

const MEANINGS: Readonly<Record<string, string>> = {
  batch: "A batch: each entry is answered by itself, in order, and none fails another.",
  transaction:
    "A transaction: all entries that write are done, or none. Deletions come first, then creates, then updates; " +
    "reads are answered afterwards.",
};

/** Returns a sentence for the text of a Bundle, also while it is not whole. */
export function meaningOf(text: string): string {
  // No resource in an entry has a type of these names.
  const [, type = ""] = /"type"\s*:\s*"(batch|transaction)"/.exec(text) ?? [];
  return MEANINGS[type] ?? "A batch answers each entry by itself; a transaction does all entries that write, or none.";
}
