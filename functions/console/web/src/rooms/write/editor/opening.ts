/** What the editor begins with: a starter, or the resource as it is now, in either format. */

import { today } from "../../../fhir/dates.ts";
import { xmlOf } from "../../../fhir/xml-of-json.ts";
import { ProblemError } from "../../../service/problem.ts";
import { lastVersion, read } from "../calls.ts";
import type { Format } from "../formats.ts";
import { asWriting } from "../refusals.ts";
import { starterOf } from "../starters.ts";
import { type Draft, type DraftPlace, draftOf, newDraft, withText } from "./drafts.ts";

/** Returns the draft of a place: of a new resource, or of one as it is now, or as it was last if it is deleted. */
export async function opened({ type, id, patient }: DraftPlace, format: Format, signal: AbortSignal): Promise<Draft> {
  if (id === null) return newDraft(type, starterOf(type, patient, today()), patient);
  try {
    return draftOf(type, await read(type, id, format, signal), patient);
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    if (error.problem.status !== 410) throw new ProblemError(asWriting(error.problem));
    const text = await lastVersion(type, id, format, signal);
    if (text === null) throw error;
    const outcome = "It is deleted. This is what it was last.";
    return { ...draftOf(type, { id, text, format, version: "", modified: "" }, patient, outcome), version: null, isDeleted: true };
  }
}

/** Returns an unchanged draft in another format: a new one as it began, another one as the server has it. */
export async function inFormat(draft: Draft, format: Format, signal: AbortSignal): Promise<Draft> {
  if (draft.id !== null) return opened(draft, format, signal);
  const text = format === "xml" ? xmlOf(draft.start) : draft.start;
  return { ...withText(draft, text), origin: text, format };
}
