/** The form of a new patient: the same elements as of one that is corrected. */

import type { Patient } from "../../../fhir/clinical.ts";
import { edited } from "../../../fhir/json-edits.ts";
import { beginOf, editsOf, fieldsOf } from "./elements.ts";
import type { Field, Form, Values } from "./form.ts";
import { patientElements } from "./patient-elements.ts";

const ELEMENTS = patientElements({ resourceType: "Patient" });
const HINTS: Readonly<Record<string, string>> = {
  "nhs-number": "Ten digits. Leave it empty if you do not know it.",
  birthDate: "Leave it empty only if nobody knows it: by it and the name one is found.",
};

export const NEW_PATIENT_FORM: Form = {
  fields: (values) => fieldsOf(ELEMENTS, values).map(asNew),
  begin: () => beginOf(ELEMENTS),
  members: (values) => {
    const made = JSON.parse(edited("{}", editsOf(ELEMENTS, values))) as Patient & { readonly identifier?: readonly object[] };
    const { identifier, name, telecom, gender, birthDate, deceasedBoolean, deceasedDateTime, address } = made;
    return { identifier, active: true, name, telecom, gender, birthDate, deceasedBoolean, deceasedDateTime, address };
  },
  summary: nameOf,
};

/** Nothing is recorded yet that could be said beside a field. */
function asNew(field: Field): Field {
  const asked = { ...field, hint: HINTS[field.name] ?? "" };
  return field.name === "gender" ? { ...asked, isRequired: true, choices: [["", "Choose…"], ...(field.choices ?? []).slice(1)] } : asked;
}

function nameOf(values: Values): string {
  return ["name-0-given", "name-0-family"].map((each) => values[each]?.trim() ?? "").filter((each) => each !== "").join(" ");
}
