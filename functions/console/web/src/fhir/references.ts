/** References of this server's: where they lead. */

import { BASE, FHIR_PATH, ROOT } from "../service/place.ts";
import { type Place, placeIn } from "./reference-place.ts";

/** Returns what a reference names on this server; null for a contained resource and for another server's. */
export function placeOf(reference: string | undefined): Place | null {
  return placeIn(reference, [`${BASE}${FHIR_PATH}`, `${ROOT}${FHIR_PATH}`]);
}
