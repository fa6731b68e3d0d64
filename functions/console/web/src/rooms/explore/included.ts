/** What of a page's included resources belongs to one match. */

import type { Resource } from "../../fhir/datatypes.ts";

type Located = (reference: string) => { readonly type: string; readonly id: string } | null;

/** Returns the included resources that a match points at, and those that point at it, in the page's order.
 *
 * `located` says what a reference names on this server.
 */
export function includedWith(match: Resource, included: readonly Resource[], located: Located): readonly Resource[] {
  const pointedAt = namesIn(match, located);
  const own = nameOf(match);
  return included.filter((each) => pointedAt.has(nameOf(each)) || namesIn(each, located).has(own));
}

/** Returns a resource's type and id in one. */
export function nameOf({ resourceType, id = "" }: Resource): string {
  return `${resourceType}/${id}`;
}

function namesIn(resource: Resource, located: Located): ReadonlySet<string> {
  const names = new Set<string>();
  const look = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [member, each] of Object.entries(value)) {
      const place = member === "reference" && typeof each === "string" ? located(each) : null;
      if (place) names.add(`${place.type}/${place.id}`);
      look(each);
    }
  };
  look(resource);
  return names;
}
