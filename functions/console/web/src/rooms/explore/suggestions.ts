/** What a token is often: the codes of FHIR's own small value sets, and the systems of the usual codes. */

const STATUS_OF: Readonly<Record<string, readonly string[]>> = {
  Observation: ["registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error", "unknown"],
  Encounter: ["planned", "arrived", "triaged", "in-progress", "onleave", "finished", "cancelled", "entered-in-error", "unknown"],
  Procedure: ["preparation", "in-progress", "suspended", "aborted", "completed", "entered-in-error", "unknown"],
  Immunization: ["completed", "entered-in-error"],
  MedicationRequest: ["active", "on-hold", "cancelled", "completed", "entered-in-error", "stopped", "draft", "unknown"],
  MedicationStatement: ["active", "completed", "entered-in-error", "intended", "stopped", "on-hold"],
  EpisodeOfCare: ["planned", "waitlist", "active", "onhold", "finished", "cancelled", "entered-in-error"],
  Location: ["active", "suspended", "inactive"],
};

const CODES: Readonly<Record<string, readonly string[]>> = {
  gender: ["male", "female", "other", "unknown"],
  active: ["true", "false"],
  deceased: ["true", "false"],
  notgiven: ["true", "false"],
  "clinical-status": ["active", "recurrence", "inactive", "remission", "resolved"],
  "verification-status": ["provisional", "differential", "confirmed", "refuted", "entered-in-error", "unknown"],
  action: ["C", "R", "U", "D", "E"],
  outcome: ["0", "4", "8"],
  criticality: ["low", "high", "unable-to-assess"],
  intent: ["proposal", "plan", "order", "instance-order"],
};

const OF_ALLERGY: Readonly<Record<string, readonly string[]>> = {
  "clinical-status": ["active", "inactive", "resolved"],
  "verification-status": ["unconfirmed", "confirmed", "refuted", "entered-in-error"],
  category: ["food", "medication", "environment", "biologic"],
  type: ["allergy", "intolerance"],
};

/** Returns codes that a parameter of a type is often searched for, if they are few. */
export function codesFor(type: string, parameter: string): readonly string[] {
  if (parameter === "status") return STATUS_OF[type] ?? [];
  return (type === "AllergyIntolerance" ? OF_ALLERGY[parameter] : undefined) ?? CODES[parameter] ?? [];
}

/** Returns systems that a parameter's codes are often of. */
export function systemsFor(parameter: string): readonly string[] {
  if (parameter === "identifier") {
    return ["https://fhir.nhs.uk/Id/nhs-number", "https://fhir.nhs.uk/Id/ods-organization-code", "https://fhir.nhs.uk/Id/sds-user-id"];
  }
  const isClinical = /code|type|reason|severity|site|manifestation|form|specialty|value-concept/.test(parameter);
  return isClinical ? ["http://snomed.info/sct", "http://loinc.org"] : [];
}
