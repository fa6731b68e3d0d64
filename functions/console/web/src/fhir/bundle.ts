/** What a Bundle of a search holds. */

import type { Bundle, BundleEntry, Resource } from "./datatypes.ts";

/** Returns the link to the following page, if there is one. */
export function nextOf(bundle: Bundle): string | undefined {
  return bundle.link?.find((each) => each.relation === "next")?.url;
}

/** Returns a page's entries of a mode; an entry that says none is a match. */
export function entriesOf(bundle: Bundle, mode: "match" | "include" | "outcome"): readonly BundleEntry[] {
  return (bundle.entry ?? []).filter((each) => (each.search?.mode ?? "match") === mode);
}

export function resourcesOf(entries: readonly BundleEntry[]): readonly Resource[] {
  return entries.map((each) => each.resource).filter((each) => each !== undefined);
}
