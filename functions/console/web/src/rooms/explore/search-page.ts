/** One page of a search: its matches, what came with them, the server's hints, and how many there are in words. */

import { entriesOf, nextOf, resourcesOf } from "../../fhir/bundle.ts";
import type { Bundle, Resource } from "../../fhir/datatypes.ts";
import { titleOf } from "../../fhir/titles.ts";
import { nameOf } from "./included.ts";

export function matchesOf(page: Bundle): readonly Resource[] {
  return resourcesOf(entriesOf(page, "match"));
}

export function includedOf(page: Bundle): readonly Resource[] {
  return resourcesOf(entriesOf(page, "include"));
}

/** Returns what a page holds of how much, in a sentence. */
export function countOf(page: Bundle, type: string, pageNumber: number): string {
  const shown = matchesOf(page).length;
  const { total } = page;
  const number = total?.toLocaleString("en-GB");
  if (shown === 0) {
    if (total && number) return `${number} match. This page was asked for without them.`;
    if (nextOf(page)) return "No match on this page; there may be some on the next.";
    return pageNumber > 1 ? "No more matches." : `Nothing matches: no ${type} that this token opens is like that.`;
  }
  const all = number === undefined ? "; the server does not say how many there are in all" : ` of ${number}`;
  return `Page ${pageNumber}: ${shown} ${shown === 1 ? "match" : "matches"}${all}.`;
}

/** Returns the titles of what came with the matches, by type and id: a reference to it is then told by its name. */
export function titlesOf(page: Bundle): ReadonlyMap<string, string> {
  const all = [...includedOf(page), ...matchesOf(page)].map((each) => [nameOf(each), titleOf(each)] as const);
  return new Map(all.filter(([, title]) => title !== ""));
}
