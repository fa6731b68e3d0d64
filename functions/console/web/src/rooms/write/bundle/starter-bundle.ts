/** The Bundle that one begins with. */

import type { Rights } from "../rights.ts";
import { needsPatient, starterOf } from "../starters.ts";

/** Returns a batch of a resource that the token may create, if there is one, and of a search. */
export function starterBundle(rights: readonly Rights[], bound: string | undefined, today: string): string {
  const own = rights.find(({ mayCreate, type }) => mayCreate && (bound !== undefined || !needsPatient(type.name)));
  const type = own?.type.name ?? "Patient";
  const search = { request: { method: "GET", url: `${type}?_count=1` } };
  const creation = own && {
    resource: JSON.parse(starterOf(type, bound ?? null, today)) as object,
    request: { method: "POST", url: type },
  };
  return JSON.stringify({ resourceType: "Bundle", type: "batch", entry: creation ? [creation, search] : [search] }, null, 2);
}
