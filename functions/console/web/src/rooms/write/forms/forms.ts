/** Every form, and the resource that it sends. */

import { ONCE_SYSTEM } from "../once.ts";
import { ALLERGY_FORM, IMMUNISATION_FORM, MEDICINE_FORM, PROBLEM_FORM } from "./clinical-forms.ts";
import { type Form, jsonOf, type Values } from "./form.ts";
import { NEW_PATIENT_FORM } from "./patient-form.ts";
import { READING_FORM } from "./readings.ts";
import type { FormType } from "./titles.ts";

export const FORMS: Readonly<Record<FormType, Form>> = {
  Patient: NEW_PATIENT_FORM,
  Observation: READING_FORM,
  Condition: PROBLEM_FORM,
  AllergyIntolerance: ALLERGY_FORM,
  MedicationStatement: MEDICINE_FORM,
  Immunization: IMMUNISATION_FORM,
};

export interface About {
  /** The id of the patient; empty for a new one. */
  readonly patient: string;
  /** As in `2026-11-26`. */
  readonly today: string;
  /** The value of the identifier by which it is created once only; null for none. */
  readonly once: string | null;
}

/** Returns the JSON of the resource that a form's values make. */
export function resourceText(type: FormType, values: Values, { patient, today, once }: About): string {
  const { identifier: own = [], ...members } = FORMS[type].members(values, patient, today);
  const identifier = [...(once === null ? [] : [{ system: ONCE_SYSTEM, value: once }]), ...own];
  return jsonOf({ resourceType: type, identifier: identifier.length ? identifier : undefined, ...members });
}
