/** What a reference leads to, in words, from what has been fetched. */

import type { Reference, Resource } from "../../fhir/datatypes.ts";
import type { Place } from "../../fhir/reference-place.ts";
import { referenceText } from "../../fhir/text.ts";
import { titleOf } from "../../fhir/titles.ts";

/** Returns in words what a reference leads to. */
export type Named = (reference: Reference | undefined) => string;

/** Returns a function that names a reference: by its display, else by what it leads to, else as it is written. */
export function namesIn(
  resources: ReadonlyMap<string, Resource>,
  placeOf: (reference: string | undefined) => Place | null,
): Named {
  return (reference) => {
    const place = placeOf(reference?.reference);
    const resource = place ? resources.get(`${place.type}/${place.id}`) : undefined;
    const title = resource ? titleOf(resource) : "";
    return reference?.display ?? (title === "" ? referenceText(reference) : title);
  };
}
