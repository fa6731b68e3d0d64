/** Where each type says why it was changed: in a note, where it has one. */

import { dateText } from "../../../fhir/dates.ts";
import { edited, LAST } from "../../../fhir/json-edits.ts";
import type { CorrectedType } from "../record-plan.ts";

/** STU3 gives these no note. The extension says why a resource has the status that it has. */
const WITHOUT_NOTE: readonly CorrectedType[] = ["Encounter", "EpisodeOfCare", "Patient"];
export const STATUS_REASON = "http://hl7.org/fhir/StructureDefinition/event-statusReason";

interface Noted {
  readonly comment?: string;
  readonly extension?: readonly { readonly url?: string }[];
}

/** Returns a resource's text with a sentence that says why it was changed, behind what was said before; `now` is an instant. */
export function withReason(type: CorrectedType, text: string, sentence: string, now: string): string {
  const { comment, extension = [] } = JSON.parse(text) as Noted;
  if (type === "Observation") {
    // STU3's Observation has one comment, and no list of notes.
    const line = `${dateText(now)}: ${sentence}`;
    return edited(text, [{ path: ["comment"], value: comment === undefined ? line : `${comment}\n${line}` }]);
  }
  if (!WITHOUT_NOTE.includes(type)) return edited(text, [{ path: ["note", LAST], value: { time: now, text: sentence } }]);
  const place = extension.findIndex(({ url }) => url === STATUS_REASON);
  return edited(text, [{ path: ["extension", place < 0 ? LAST : place], value: { url: STATUS_REASON, valueCodeableConcept: { text: sentence } } }]);
}
