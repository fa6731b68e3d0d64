/** What a form's values are compared with: the patient, and what the record holds of the same kind; of a new patient, those who are there. */

import type { Patient } from "../../../fhir/clinical.ts";
import type { Resource } from "../../../fhir/datatypes.ts";
import { pagesOf } from "../../../fhir/search.ts";
import { conditionOf, grantOf, lettersOf } from "../../../oauth/grants.ts";
import { type Doubt, doubtsAbout } from "../../../plausibility/doubts.ts";
import { doubtsAboutDuplicates } from "../../../plausibility/duplicate-patients.ts";
import { ProblemError } from "../../../service/problem.ts";
import { session } from "../../../service/session.ts";
import { duplicateQueries } from "./duplicate-search.ts";

/** Of a reading the last ones are enough; of allergies and medicines all have to be known. */
const READINGS = 5;
const PAGE = 100;

/** What is searched for a new resource, and what it is called in case that it could not be. */
interface Comparison {
  readonly type: string;
  readonly query: string;
  /** Whether its first page is enough. */
  readonly isOnePage?: boolean;
  /** Empty if it is of no harm that it is not known. */
  readonly name: string;
}

/** Returns what is doubtful about a new resource, for which the record, or the patients, are searched. That it could not be is a doubt too. */
export async function doubtsBeside(resource: Resource, id: string, patient: Patient | undefined, signal: AbortSignal): Promise<readonly Doubt[]> {
  const found = await Promise.all(comparisonsOf(resource, id).map((each) => compared(each, signal)));
  const record = found.flatMap((each) => each.record).filter((each) => !isWrong(each));
  const about = resource.resourceType === "Patient" ? doubtsAboutDuplicates(resource, record) : [];
  return [...about, ...doubtsAbout(resource, { patient, record }), ...found.flatMap(({ missing }) => (missing === "" ? [] : [notCompared(resource, missing)]))];
}

function comparisonsOf(resource: Resource, id: string): readonly Comparison[] {
  const of = (type: string, name: string, more = `_count=${PAGE}`): Comparison => ({ type, name, query: `${type}?patient=${encodeURIComponent(id)}&${more}` });
  const medicines = ["MedicationStatement", "MedicationRequest"].map((type) => of(type, "medicines", `_count=${PAGE}${mayRead("Medication") ? `&_include=${type}:medication` : ""}`));
  switch (resource.resourceType) {
    case "Patient":
      return duplicateQueries(resource).map((query) => ({ type: "Patient", name: "patients", query, isOnePage: true }));
    case "Observation":
      return [{ ...of("Observation", "", `code=${encodeURIComponent(codesOf(resource))}&_count=${READINGS}`), isOnePage: true }];
    case "MedicationStatement":
      return [of("AllergyIntolerance", "allergies")];
    case "AllergyIntolerance":
      return [of("AllergyIntolerance", "allergies"), ...medicines];
    default:
      return [];
  }
}

async function compared({ type, query, name, isOnePage = false }: Comparison, signal: AbortSignal): Promise<{ readonly record: readonly Resource[]; readonly missing: string }> {
  const without = (why: string) => ({ record: [], missing: name === "" ? "" : `It was not compared with the recorded ${name}: ${why}` });
  const { scope, patient } = session.value?.token.claims ?? { scope: "" };
  const grant = grantOf(scope, type, patient);
  if (!grant?.letters.has("s")) return without(`this token does not search ${type}.`);
  const condition = conditionOf(grant, "s");
  try {
    const record: Resource[] = [];
    for await (const { entry = [] } of pagesOf(query, signal)) {
      record.push(...entry.flatMap((each) => each.resource ?? []));
      if (isOnePage) break;
    }
    const isWhole = name === "" || condition === "";
    return { record, missing: isWhole ? "" : `It was compared with a part of the recorded ${name}: this token searches ${type} only where ${condition}.` };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return without(error.problem.title);
  }
}

function notCompared({ resourceType }: Resource, text: string): Doubt {
  const source = resourceType === "Patient"
    ? "this page's own search, before a patient is added"
    : "NICE CG183, Drug allergy: check the allergy status before a medicine is given";
  return { rule: "not compared", text, source, isImpossible: false, at: resourceType };
}

function mayRead(type: string): boolean {
  const { scope, patient } = session.value?.token.claims ?? { scope: "" };
  return lettersOf(scope, type, patient).has("r");
}

function codesOf({ code }: Resource): string {
  const { coding = [] } = code as { readonly coding?: readonly { readonly system: string; readonly code: string }[] };
  return coding.map((each) => `${each.system}|${each.code}`).join(",");
}

function isWrong({ status, verificationStatus }: Resource): boolean {
  return [status, verificationStatus].includes("entered-in-error");
}
