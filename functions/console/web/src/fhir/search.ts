/** Searches, page by page: a page's `next` link is followed as the server has sent it. */

import { askFhir } from "../service/api.ts";
import type { Bundle, BundleEntry, Resource } from "./datatypes.ts";

/** Returns the link to the following page, if there is one. */
export function nextOf(bundle: Bundle): string | undefined {
  return bundle.link?.find((each) => each.relation === "next")?.url;
}

/** Returns a page's entries of a mode; an entry that says none is a match. */
export function entriesOf(bundle: Bundle, mode: "match" | "include"): readonly BundleEntry[] {
  return (bundle.entry ?? []).filter((each) => (each.search?.mode ?? "match") === mode);
}

export function resourcesOf(entries: readonly BundleEntry[]): readonly Resource[] {
  return entries.map((each) => each.resource).filter((each) => each !== undefined);
}

/** Yields a search's pages in order; `query` is `Observation?patient=4&_count=100`, or a link. Rejects with a `ProblemError`. */
export async function* pagesOf(query: string, signal?: AbortSignal): AsyncGenerator<Bundle, void> {
  for (let next: string | undefined = query; next !== undefined; ) {
    const page: Bundle = await askFhir<Bundle>(next, { signal });
    yield page;
    next = nextOf(page);
  }
}
