/** The way to a place in the text; a badge for what is at none. */

import type { TextRange } from "../../../fhir/json-places.ts";
import type { Place } from "./faults.ts";

export function LineButton({ place: { range, line }, onChosen }: {
  readonly place: Place;
  readonly onChosen: (range: TextRange) => void;
}) {
  if (!range) return <span class="badge">no place</span>;
  return <button type="button" class="small" onClick={() => onChosen(range)}>Line {line}</button>;
}
