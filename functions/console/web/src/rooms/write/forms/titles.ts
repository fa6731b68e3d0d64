/** The resources that have a form, in the order in which they are offered. */

export const FORM_TITLES = {
  Patient: "Add a patient",
  Observation: "Record a reading",
  Condition: "Add a problem",
  AllergyIntolerance: "Add an allergy",
  MedicationStatement: "Add a medicine",
  Immunization: "Add an immunisation",
} as const;

export type FormType = keyof typeof FORM_TITLES;

export const FORM_TYPES = Object.keys(FORM_TITLES) as readonly FormType[];

/** Those that are written in a patient's record. */
export const RECORD_FORM_TYPES = FORM_TYPES.filter((each) => each !== "Patient");

export function isFormType(type: string | undefined): type is FormType {
  return type !== undefined && type in FORM_TITLES;
}
