/** What "entered in error" means for each type of a record (FHIR STU3): the element that says it, and what has to go with it. */

import type { Resource } from "../../../fhir/datatypes.ts";
import { edited, type JsonEdit } from "../../../fhir/json-edits.ts";
import type { CorrectedType } from "../record-plan.ts";
import { withoutNarrative } from "./narrative.ts";
import { withReason } from "./reasons.ts";

export const IN_ERROR = "entered-in-error";

interface InError {
  readonly element: "status" | "verificationStatus" | "active";
  readonly says: string | boolean;
  /** Elements that may not be there besides, by an invariant; all others stay. */
  readonly goes: readonly string[];
}

const BY_STATUS: InError = { element: "status", says: IN_ERROR, goes: [] };

const TABLE: Readonly<Record<CorrectedType, InError>> = {
  // STU3 has no "entered in error" for a patient: a record that should not be there is not in use.
  Patient: { element: "active", says: false, goes: [] },
  // con-4: a Condition with an abatement needs its clinicalStatus, which con-3 allows to stay.
  Condition: { element: "verificationStatus", says: IN_ERROR, goes: [] },
  // ait-2: clinicalStatus SHALL NOT be present.
  AllergyIntolerance: { element: "verificationStatus", says: IN_ERROR, goes: ["clinicalStatus", "_clinicalStatus"] },
  MedicationStatement: BY_STATUS,
  MedicationRequest: BY_STATUS,
  Immunization: BY_STATUS,
  Encounter: BY_STATUS,
  EpisodeOfCare: BY_STATUS,
  Procedure: BY_STATUS,
  Observation: BY_STATUS,
  Goal: BY_STATUS,
};

/** Returns whether a resource of a record says that it was entered in error. */
export function isInError(resource: Resource): boolean {
  const row = TABLE[resource.resourceType as CorrectedType] as InError | undefined;
  return row !== undefined && resource[row.element] === row.says;
}

/** Returns a resource's text that says that it was entered in error, and why; `now` is an instant. */
export function inErrorText(type: CorrectedType, text: string, reason: string, now: string): string {
  const { element, says, goes } = TABLE[type];
  const edits: readonly JsonEdit[] = [
    ...goes.map((name) => ({ path: [name], value: undefined })),
    // What extends the former status says nothing of this one.
    { path: [`_${element}`], value: undefined },
    { path: [element], value: says },
  ];
  return withReason(type, edited(withoutNarrative(text), edits), `Entered in error: ${reason}`, now);
}

/** Returns the text of a resource that was no error after all: with the statuses of `former`, its version before. */
export function notInErrorText(type: CorrectedType, text: string, former: Resource, reason: string, now: string): string {
  const { element, goes } = TABLE[type];
  const edits = [element, `_${element}`, ...goes].map((name) => ({ path: [name], value: former[name] }));
  return withReason(type, edited(withoutNarrative(text), edits), `Not entered in error: ${reason}`, now);
}
