/** A client's name in few words. */

/** Returns a name without what follows a colon: `Explorer` for `Explorer: reads everything`. */
export function shortName(name: string): string {
  const [short = ""] = name.split(": ", 1);
  return short.trim() || name;
}
