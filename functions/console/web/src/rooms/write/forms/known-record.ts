/** What a form's values are compared with: the patient, and what the record holds of the same kind. */

import type { Patient } from "../../../fhir/clinical.ts";
import type { Bundle, Resource } from "../../../fhir/datatypes.ts";
import { lettersOf } from "../../../oauth/grants.ts";
import { doubtsAbout, type Doubt } from "../../../plausibility/doubts.ts";
import { askFhir } from "../../../service/api.ts";
import { ProblemError } from "../../../service/problem.ts";
import { session } from "../../../service/session.ts";

/** Of a reading the last ones are enough; of allergies all have to be known. */
const READINGS = 5;
const ALLERGIES = 200;

/** Returns what is doubtful about a new resource of a patient's, for which the record is searched. That it could not be is a doubt too. */
export async function doubtsBeside(resource: Resource, id: string, patient: Patient | undefined, signal: AbortSignal): Promise<readonly Doubt[]> {
  const { record, missing } = await recordBeside(resource, id, signal);
  return [...doubtsAbout(resource, { patient, record }), ...(missing === "" ? [] : [notCompared(resource, missing)])];
}

function notCompared({ resourceType }: Resource, why: string): Doubt {
  const source = "NICE CG183, Drug allergy: check the allergy status before a medicine is given";
  return { rule: "not compared", text: `It was not compared with the recorded allergies: ${why}`, source, isImpossible: false, at: resourceType };
}

async function recordBeside(resource: Resource, id: string, signal: AbortSignal): Promise<{ readonly record: readonly Resource[]; readonly missing: string }> {
  const isReading = resource.resourceType === "Observation";
  const needsAllergies = ["MedicationStatement", "AllergyIntolerance"].includes(resource.resourceType);
  const type = isReading ? "Observation" : "AllergyIntolerance";
  if (!isReading && !needsAllergies) return { record: [], missing: "" };
  const { scope, patient } = session.value?.token.claims ?? { scope: "" };
  if (!lettersOf(scope, type, patient).has("s")) return { record: [], missing: isReading ? "" : `this token does not search ${type}.` };
  const of = `${type}?patient=${encodeURIComponent(id)}`;
  const query = isReading ? `${of}&code=${encodeURIComponent(codesOf(resource))}&_count=${READINGS}` : `${of}&_count=${ALLERGIES}`;
  try {
    const { entry = [] } = await askFhir<Bundle>(query, { signal });
    return { record: entry.flatMap((each) => each.resource ?? []).filter((each) => !isWrong(each)), missing: "" };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { record: [], missing: isReading ? "" : error.problem.title };
  }
}

function codesOf({ code }: Resource): string {
  const { coding = [] } = code as { readonly coding?: readonly { readonly system: string; readonly code: string }[] };
  return coding.map((each) => `${each.system}|${each.code}`).join(",");
}

function isWrong({ status, verificationStatus }: Resource): boolean {
  return [status, verificationStatus].includes("entered-in-error");
}
