/** The forms of a problem, an allergy, a medicine and an immunisation (FHIR STU3, Care Connect's profiles). */

import { concept, type Form, NOTE_FIELD, notes, optional, patientReference, SNOMED_FIELD, type Values } from "./form.ts";

const UNKNOWN = ["", "Not known"] as const;

export const PROBLEM_FORM: Form = {
  fields: ({ status }) => [
    { name: "text", label: "Problem", kind: "text", isRequired: true, at: ["Condition.code"] },
    { ...SNOMED_FIELD, at: ["Condition.code.coding[0]"] },
    {
      name: "status",
      label: "Status",
      kind: "choice",
      choices: [["active", "Active"], ["inactive", "Inactive"], ["resolved", "Resolved"]],
      at: ["Condition.clinicalStatus"],
    },
    {
      name: "certainty",
      label: "Certainty",
      kind: "choice",
      isRequired: true,
      choices: [["", "Choose…"], ["confirmed", "Confirmed"], ["provisional", "Provisional"], ["differential", "One of several possible"]],
      at: ["Condition.verificationStatus"],
    },
    { name: "start", label: "Since", kind: "date", at: ["Condition.onset", "Condition.onsetDateTime"] },
    ...(status === "active" ? [] : [{ name: "end", label: "Until", kind: "date", at: ["Condition.abatement", "Condition.abatementDateTime"] } as const]),
    { ...NOTE_FIELD, at: ["Condition.note"] },
  ],
  begin: () => ({ status: "active" }),
  members: (values, patient, today) => ({
    clinicalStatus: values["status"],
    verificationStatus: values["certainty"],
    category: [{ coding: [{ system: "http://hl7.org/fhir/condition-category", code: "problem-list-item", display: "Problem List Item" }] }],
    code: concept(values["text"] ?? "", values["code"]),
    subject: patientReference(patient),
    onsetDateTime: optional(values["start"]),
    abatementDateTime: values["status"] === "active" ? undefined : optional(values["end"]),
    assertedDate: today,
    note: notes(values["note"]),
  }),
  summary: textOf,
};

export const ALLERGY_FORM: Form = {
  fields: ({ reaction }) => [
    { name: "text", label: "Allergic to", kind: "text", isRequired: true, at: ["AllergyIntolerance.code"] },
    { ...SNOMED_FIELD, at: ["AllergyIntolerance.code.coding[0]"] },
    {
      name: "category",
      label: "Kind of substance",
      kind: "choice",
      choices: [UNKNOWN, ["medication", "Medicine"], ["food", "Food"], ["environment", "Environment"], ["biologic", "Biological"]],
      at: ["AllergyIntolerance.category"],
    },
    {
      name: "type",
      label: "Allergy or intolerance",
      kind: "choice",
      choices: [UNKNOWN, ["allergy", "Allergy"], ["intolerance", "Intolerance"]],
      at: ["AllergyIntolerance.type"],
    },
    {
      name: "criticality",
      label: "Risk of serious harm",
      kind: "choice",
      isRequired: true,
      choices: [["", "Choose…"], ["high", "High"], ["low", "Low"], ["unable-to-assess", "Cannot be assessed"]],
      at: ["AllergyIntolerance.criticality"],
    },
    {
      name: "certainty",
      label: "Certainty",
      kind: "choice",
      isRequired: true,
      choices: [["", "Choose…"], ["confirmed", "Confirmed"], ["unconfirmed", "Not confirmed"]],
      at: ["AllergyIntolerance.verificationStatus"],
    },
    { name: "start", label: "Since", kind: "date", at: ["AllergyIntolerance.onset", "AllergyIntolerance.onsetDateTime"] },
    { name: "reaction", label: "Reaction", kind: "text", hint: "Such as a rash, or swelling of the face.", at: ["AllergyIntolerance.reaction"] },
    ...(reaction?.trim()
      ? [{
          name: "severity",
          label: "Severity of the reaction",
          kind: "choice",
          choices: [UNKNOWN, ["mild", "Mild"], ["moderate", "Moderate"], ["severe", "Severe"]],
          at: ["AllergyIntolerance.reaction[0].severity"],
        } as const]
      : []),
    { ...NOTE_FIELD, at: ["AllergyIntolerance.note"] },
  ],
  begin: () => ({}),
  members: (values, patient, today) => ({
    clinicalStatus: "active",
    verificationStatus: values["certainty"],
    type: optional(values["type"]),
    category: values["category"] ? [values["category"]] : undefined,
    criticality: values["criticality"],
    code: concept(values["text"] ?? "", values["code"]),
    patient: patientReference(patient),
    onsetDateTime: optional(values["start"]),
    assertedDate: today,
    note: notes(values["note"]),
    reaction: optional(values["reaction"]) && [{ manifestation: [concept(values["reaction"] ?? "")], severity: optional(values["severity"]) }],
  }),
  summary: textOf,
};

/** How a medicine is taken: MedicationStatement.status and .taken. */
const USES: Readonly<Record<string, readonly [status: string, taken: string, label: string]>> = {
  now: ["active", "y", "Takes it now"],
  unknown: ["active", "unk", "Has it; whether it is taken is not known"],
  completed: ["completed", "y", "Course completed"],
  stopped: ["stopped", "n", "Stopped"],
};

export const MEDICINE_FORM: Form = {
  fields: ({ use }) => [
    {
      name: "text",
      label: "Medicine",
      kind: "text",
      isRequired: true,
      hint: "With its strength and form: Paracetamol 500mg tablets.",
      at: ["MedicationStatement.medication", "MedicationStatement.medicationCodeableConcept"],
    },
    { ...SNOMED_FIELD, label: "SNOMED CT (dm+d) code", at: ["MedicationStatement.medicationCodeableConcept.coding[0]"] },
    { name: "dose", label: "Dose and how often", kind: "text", hint: "Such as one tablet, twice a day.", at: ["MedicationStatement.dosage"] },
    {
      name: "use",
      label: "Use",
      kind: "choice",
      isRequired: true,
      choices: [["", "Choose…"], ...Object.entries(USES).map(([name, [, , label]]) => [name, label] as const)],
      at: ["MedicationStatement.status", "MedicationStatement.taken"],
    },
    { name: "start", label: "Since", kind: "date", at: ["MedicationStatement.effective", "MedicationStatement.effectivePeriod"] },
    ...(isOver(use) ? [{ name: "end", label: "Until", kind: "date", at: ["MedicationStatement.effectivePeriod.end"] } as const] : []),
    { ...NOTE_FIELD, at: ["MedicationStatement.note"] },
  ],
  begin: () => ({}),
  members: (values, patient, today) => {
    const [status, taken] = USES[values["use"] ?? ""] ?? [];
    const period = { start: optional(values["start"]), end: isOver(values["use"]) ? optional(values["end"]) : undefined };
    return {
      status,
      medicationCodeableConcept: concept(values["text"] ?? "", values["code"]),
      effectivePeriod: period.start || period.end ? period : undefined,
      dateAsserted: today,
      subject: patientReference(patient),
      taken,
      note: notes(values["note"]),
      dosage: optional(values["dose"]) && [{ text: optional(values["dose"]) }],
    };
  },
  summary: textOf,
};

function isOver(use: string | undefined): boolean {
  return use === "completed" || use === "stopped";
}

export const IMMUNISATION_FORM: Form = {
  fields: ({ given }) => [
    { name: "text", label: "Vaccine", kind: "text", isRequired: true, at: ["Immunization.vaccineCode"] },
    { ...SNOMED_FIELD, label: "SNOMED CT (dm+d) code", at: ["Immunization.vaccineCode.coding[0]"] },
    { name: "given", label: "Was it given?", kind: "choice", choices: [["yes", "Given"], ["no", "Not given"]], at: ["Immunization.notGiven"] },
    given === "no"
      ? { name: "reason", label: "Reason", kind: "text", hint: "Why it was not given.", at: ["Immunization.explanation"] }
      : { name: "batch", label: "Batch number", kind: "text", at: ["Immunization.lotNumber"] },
    { name: "date", label: given === "no" ? "Decided on" : "Given on", kind: "date", isRequired: true, at: ["Immunization.date"] },
    {
      name: "source",
      label: "Who says so?",
      kind: "choice",
      isRequired: true,
      choices: [["", "Choose…"], ["primary", "The person who gave it, or decided"], ["reported", "Somebody else, or a document"]],
      at: ["Immunization.primarySource"],
    },
    { ...NOTE_FIELD, at: ["Immunization.note"] },
  ],
  begin: () => ({ given: "yes" }),
  members: (values, patient) => {
    const notGiven = values["given"] === "no";
    const reason = notGiven ? optional(values["reason"]) : undefined;
    return {
      status: "completed",
      notGiven,
      vaccineCode: concept(values["text"] ?? "", values["code"]),
      patient: patientReference(patient),
      date: values["date"],
      primarySource: values["source"] === "primary",
      lotNumber: notGiven ? undefined : optional(values["batch"]),
      note: notes(values["note"]),
      explanation: reason && { reasonNotGiven: [concept(reason)] },
    };
  },
  summary: (values) => textOf(values) + (values["given"] === "no" ? ", not given" : ""),
};

function textOf(values: Values): string {
  return values["text"]?.trim() ?? "";
}
