/** The resources that have a form, in the order in which they are offered. */

export const FORM_TITLES = {
  Observation: "Record a reading",
  Condition: "Add a problem",
  AllergyIntolerance: "Add an allergy",
  MedicationStatement: "Add a medicine",
  Immunization: "Add an immunisation",
} as const;

export type FormType = keyof typeof FORM_TITLES;

export const FORM_TYPES = Object.keys(FORM_TITLES) as readonly FormType[];

export function isFormType(type: string | undefined): type is FormType {
  return type !== undefined && type in FORM_TITLES;
}
