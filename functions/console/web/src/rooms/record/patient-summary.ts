/** Who a patient is, as the NHS's patient banner says it. */

import type { Patient } from "../../fhir/clinical.ts";
import { ageText, dateText } from "../../fhir/dates.ts";
import { bannerName, chosenName, conceptText, NHS_NUMBER, nhsNumberText } from "../../fhir/text.ts";

export interface NhsNumber {
  readonly text: string;
  /** What the record says of it: `verified`, else the status in its own words. */
  readonly status: string;
  readonly isVerified: boolean;
}

const VERIFICATION = "NHSNumberVerificationStatus-1";

export function patientName(patient: Patient): string {
  return bannerName(chosenName(patient.name)) || "No name recorded";
}

/** Returns when somebody was born and how old they are, or were: `23 Aug 1971 (55 years)`. */
export function bornText(patient: Patient, today: string): string {
  if (!patient.birthDate) return "not recorded";
  const isDead = patient.deceasedBoolean === true || patient.deceasedDateTime !== undefined;
  const age = isDead ? "" : ageText(patient.birthDate, today);
  return dateText(patient.birthDate) + (age && ` (${age})`);
}

/** Returns that somebody has died, and when; empty if the record does not say so. */
export function deathText(patient: Patient): string {
  const { deceasedDateTime, deceasedBoolean, birthDate } = patient;
  if (deceasedDateTime !== undefined) {
    const age = ageText(birthDate, deceasedDateTime);
    return `Died ${dateText(deceasedDateTime)}${age && ` (aged ${age})`}`;
  }
  return deceasedBoolean ? "Died, on a day that is not recorded" : "";
}

/** Returns the NHS number with what is known of it; null if there is none. */
export function nhsNumber(patient: Patient): NhsNumber | null {
  const identifier = patient.identifier?.find((each) => each.system === NHS_NUMBER && each.value !== undefined);
  if (!identifier?.value) return null;
  const concept = identifier.extension?.find((each) => each.url.endsWith(VERIFICATION))?.valueCodeableConcept;
  const isVerified = concept?.coding?.some((each) => each.code === "01") ?? false;
  const status = isVerified ? "verified" : conceptText(concept).toLocaleLowerCase("en-GB") || "verification not recorded";
  return { text: nhsNumberText(identifier.value), status, isVerified };
}
