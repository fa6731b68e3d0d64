/** What the record shows of each type and no form corrects, and what to do about a mistake in it. */

import type { Resource } from "../../../fhir/datatypes.ts";
import type { CorrectedType } from "../record-plan.ts";

interface Elsewhere {
  /** Elements of the resource, or of its components. */
  readonly elements: readonly string[];
  readonly text: string;
  /** Whether the editor of the Write room changes it. */
  readonly isWritten: boolean;
}

const WHO_AND_WHERE = "Who took part and where it was are entries of the directory: another one is chosen in Write.";

const TABLE: Readonly<Record<CorrectedType, readonly Elsewhere[]>> = {
  Patient: [{
    elements: ["generalPractitioner", "managingOrganization"], isWritten: true,
    text: "GP and practice are entries of the directory: another one is chosen in Write.",
  }],
  Observation: [{
    elements: ["code", "component.code"], isWritten: false,
    text: "What was measured is not changed: say that this was entered in error, and record the other measurement anew.",
  }],
  Immunization: [
    { elements: ["status"], text: "It is completed, or entered in error: there is no other status.", isWritten: false },
    { elements: ["location"], text: "Where it was given is an entry of the directory: another one is chosen in Write.", isWritten: true },
  ],
  Encounter: [{ elements: ["location", "serviceProvider", "participant"], text: WHO_AND_WHERE, isWritten: true }],
  EpisodeOfCare: [{ elements: ["managingOrganization", "careManager"], text: WHO_AND_WHERE, isWritten: true }],
  Procedure: [{ elements: ["performer"], text: WHO_AND_WHERE, isWritten: true }],
  Condition: [],
  AllergyIntolerance: [],
  MedicationStatement: [],
  MedicationRequest: [],
  Goal: [],
};

/** Returns what of a resource no form corrects. */
export function elsewhereOf(resource: Resource): readonly Elsewhere[] {
  return TABLE[resource.resourceType as CorrectedType].filter(({ elements }) => elements.some((each) => resource[each.split(".", 1)[0] ?? ""] !== undefined));
}
