/** Values for every form, and all that this page can begin with, for the server to judge. Run, it prints them. */

import { xmlOf } from "../src/fhir/xml-of-json.ts";
import { SERVED_TYPES } from "../src/oauth/grants.ts";
import type { Values } from "../src/rooms/write/forms/form.ts";
import { FORMS, resourceText } from "../src/rooms/write/forms/forms.ts";
import { READINGS } from "../src/rooms/write/forms/readings.ts";
import type { FormType } from "../src/rooms/write/forms/titles.ts";
import { starterOf } from "../src/rooms/write/starters.ts";

export const TODAY = "2026-11-26";

const TEXT = 'Café "<&>" test';
const DATES = { start: "2020-01-31", end: "2021-02-28" };

function readings(): readonly (readonly [FormType, Values])[] {
  return Object.keys(READINGS).map((reading) => ["Observation", { reading, "value-0": "36.50", "value-1": "20", date: TODAY, time: "09:05", note: TEXT }]);
}

/** The values of each form that a person can send, the shortest and the fullest. */
export const EXAMPLES: readonly (readonly [type: FormType, values: Values])[] = [
  ["Patient", { "name-0-family": "O'Hanlon", gender: "unknown" }],
  [
    "Patient",
    {
      "name-0-family": TEXT, "name-0-given": "Ada Mary", "name-0-prefix": "Dr", gender: "female", birthDate: "1980-05-17", "nhs-number": "943 476 5919",
      "address-0-line": "Flat 1, 2 Canal Terrace", "address-0-city": "Leeds", "address-0-district": "Yorkshire", "address-0-postalCode": "LS1 1AA",
      "new-phone": "0113 496 0301", "new-email": "ada@example.org", deceased: "yes", deceasedDateTime: DATES.end,
    },
  ],
  ["Patient", { "name-0-family": "Hollis", gender: "male", deceased: "yes" }],
  ...readings(),
  ["Observation", { reading: "weight", "value-0": "072", date: TODAY }],
  ["Condition", { text: "Fever", status: "active", certainty: "confirmed" }],
  ["Condition", { text: TEXT, code: "386661006", status: "resolved", certainty: "provisional", ...DATES, note: TEXT }],
  ["Condition", { text: TEXT, status: "inactive", certainty: "differential" }],
  ["AllergyIntolerance", { text: "Penicillin", criticality: "high", certainty: "confirmed" }],
  [
    "AllergyIntolerance",
    { text: TEXT, code: "91936005", category: "medication", type: "allergy", criticality: "unable-to-assess", certainty: "unconfirmed", reaction: TEXT, severity: "severe", ...DATES, note: TEXT },
  ],
  ["MedicationStatement", { text: "Aspirin 75mg tablets", use: "now" }],
  ["MedicationStatement", { text: TEXT, code: "319775004", dose: TEXT, use: "stopped", ...DATES, note: TEXT }],
  ["MedicationStatement", { text: TEXT, use: "completed", end: DATES.end }],
  ["MedicationStatement", { text: TEXT, use: "unknown", start: DATES.start }],
  ["Immunization", { text: "Influenza vaccine", given: "yes", date: TODAY, source: "primary" }],
  ["Immunization", { text: TEXT, code: "46233009", given: "yes", batch: "AB 12", date: TODAY, source: "reported", note: TEXT }],
  ["Immunization", { text: TEXT, given: "no", reason: TEXT, date: TODAY, source: "primary" }],
];

/** Returns what a form sends for values of a person who filled in what it shows. */
export function sent(type: FormType, values: Values, patient: string): string {
  return resourceText(type, { ...FORMS[type].begin(TODAY), ...values }, { patient, today: TODAY, once: `urn:uuid:${crypto.randomUUID()}` });
}

if (import.meta.main) {
  const [patient = "4"] = process.argv.slice(2);
  const forms = EXAMPLES.map(([type, values]) => sent(type, values, patient));
  const starters = SERVED_TYPES.filter(({ writable }) => writable).map(({ name }) => starterOf(name, patient, TODAY));
  process.stdout.write(JSON.stringify([...forms, ...starters].map((json) => ({ json, xml: xmlOf(json) }))));
}
