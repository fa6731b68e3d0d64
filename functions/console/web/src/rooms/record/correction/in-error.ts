/** What "entered in error" means for each type of a record (FHIR STU3): the element that says it, and what has to go with it. */

import type { Resource } from "../../../fhir/datatypes.ts";
import { edited, type JsonEdit } from "../../../fhir/json-edits.ts";
import type { RecordType } from "../record-plan.ts";
import { withoutNarrative } from "./narrative.ts";
import { withReason } from "./reasons.ts";

export const IN_ERROR = "entered-in-error";

interface InError {
  readonly element: "status" | "verificationStatus";
  /** Elements that may not be there besides, by an invariant; all others stay. */
  readonly goes: readonly string[];
}

const BY_STATUS: InError = { element: "status", goes: [] };

const TABLE: Readonly<Record<RecordType, InError>> = {
  // con-4: a Condition with an abatement needs its clinicalStatus, which con-3 allows to stay.
  Condition: { element: "verificationStatus", goes: [] },
  // ait-2: clinicalStatus SHALL NOT be present.
  AllergyIntolerance: { element: "verificationStatus", goes: ["clinicalStatus", "_clinicalStatus"] },
  MedicationStatement: BY_STATUS,
  MedicationRequest: BY_STATUS,
  Immunization: BY_STATUS,
  Encounter: BY_STATUS,
  EpisodeOfCare: BY_STATUS,
  Procedure: BY_STATUS,
  Observation: BY_STATUS,
};

/** Returns whether a resource of a record says that it was entered in error. */
export function isInError(resource: Resource): boolean {
  const row = TABLE[resource.resourceType as RecordType] as InError | undefined;
  return row !== undefined && resource[row.element] === IN_ERROR;
}

/** Returns a resource's text that says that it was entered in error, and why; `now` is an instant. */
export function inErrorText(type: RecordType, text: string, reason: string, now: string): string {
  const { element, goes } = TABLE[type];
  const edits: readonly JsonEdit[] = [
    ...goes.map((name) => ({ path: [name], value: undefined })),
    // What extends the former status says nothing of this one.
    { path: [`_${element}`], value: undefined },
    { path: [element], value: IN_ERROR },
  ];
  return withReason(type, edited(withoutNarrative(text), edits), `Entered in error: ${reason}`, now);
}

/** Returns the text of a resource that was no error after all: with the statuses of `former`, its version before. */
export function notInErrorText(type: RecordType, text: string, former: Resource, reason: string, now: string): string {
  const { element, goes } = TABLE[type];
  const edits = [element, `_${element}`, ...goes].map((name) => ({ path: [name], value: former[name] }));
  return withReason(type, edited(withoutNarrative(text), edits), `Not entered in error: ${reason}`, now);
}
