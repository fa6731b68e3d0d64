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

/** Returns what the server has to say of the search itself: parameters that it has ignored, for example. */
export function hintsOf(page: Bundle): readonly string[] {
  return resourcesOf(entriesOf(page, "outcome")).flatMap((outcome) => {
    const issues = (outcome["issue"] ?? []) as readonly { readonly diagnostics?: string; readonly details?: { readonly text?: string } }[];
    return issues.map((each) => each.diagnostics ?? each.details?.text ?? "").filter((each) => each !== "");
  });
}
