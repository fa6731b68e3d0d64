/** What a table shows of each type: who, what, when and how much. */

import { deedText, outcomeText } from "../../fhir/audit-event.ts";
import type { CodeableConcept, HumanName, Identifier, Resource } from "../../fhir/datatypes.ts";
import { bannerName, chosenName, conceptText, nhsNumberOf, nhsNumberText, valueText } from "../../fhir/text.ts";
import { titleOf } from "../../fhir/titles.ts";
import { measurementName } from "../../fhir/uk-terms.ts";

export interface Cell {
  readonly text: string;
  /** Where it is a reference: as it stands in the resource. */
  readonly reference: string;
}

export interface Column {
  readonly label: string;
  readonly cellOf: (resource: Resource) => Cell;
}

const NAME = column("Name", ({ name }) => (Array.isArray(name) ? bannerName(chosenName(name as HumanName[])) : (valueText(name) ?? "")));
const PATIENT = at("Patient", "subject", "patient");
const STATUS = at("Status", "clinicalStatus", "status", "active");
const WHAT = at("What", "code");
const MEDICINE = at("Medicine", "medicationReference", "medicationCodeableConcept");
const CHANGED = at("Last changed", "meta.lastUpdated");

const COLUMNS: Readonly<Record<string, readonly Column[]>> = {
  Patient: [NAME, at("Born", "birthDate"), at("Sex", "gender"), column("NHS number", nhsNumber), at("Postcode", "address.postalCode")],
  Condition: [WHAT, at("Asserted", "assertedDate"), at("Onset", ...dated("onset")), STATUS, PATIENT],
  Observation: [column("What", ({ code }) => measurementName(code as CodeableConcept | undefined)), column("Value", observed), at("Date", ...dated("effective")), STATUS, PATIENT],
  Encounter: [at("What", "type", "class"), at("When", "period"), at("Reason", "reason"), STATUS, PATIENT],
  Procedure: [WHAT, at("Performed", ...dated("performed")), STATUS, PATIENT],
  AllergyIntolerance: [WHAT, at("Criticality", "criticality"), at("Asserted", "assertedDate"), STATUS, PATIENT],
  Immunization: [at("Vaccine", "vaccineCode"), at("Date", "date"), column("Given", given), STATUS, PATIENT],
  Goal: [at("What", "description"), at("Start", "startDate"), at("Due", "target.dueDate"), STATUS, PATIENT],
  MedicationRequest: [MEDICINE, at("Dose", "dosageInstruction.text"), at("Authored", "authoredOn"), STATUS, PATIENT],
  MedicationStatement: [MEDICINE, at("Dose", "dosage.text"), at("Taken", ...dated("effective")), STATUS, PATIENT],
  Medication: [WHAT, at("Form", "form"), at("Manufacturer", "manufacturer")],
  EpisodeOfCare: [at("What", "type"), at("When", "period"), at("Organisation", "managingOrganization"), STATUS, PATIENT],
  Organization: [NAME, at("Type", "type"), at("Part of", "partOf"), at("Postcode", "address.postalCode"), at("Active", "active")],
  Location: [NAME, at("Type", "type"), at("Organisation", "managingOrganization"), at("Postcode", "address.postalCode"), STATUS],
  Practitioner: [NAME, at("Contact", "telecom"), at("Postcode", "address.postalCode"), at("Active", "active")],
  PractitionerRole: [at("Practitioner", "practitioner"), at("Role", "code"), at("Organisation", "organization"), at("Active", "active")],
  AuditEvent: [
    at("When", "recorded"),
    at("Who", "agent.name", "agent.userId"),
    column("What", (event) => deedText(event)),
    { label: "Of whom", cellOf: whoseRecord },
    column("Outcome", (event) => outcomeText(event)),
  ],
  HealthcareService: [NAME, at("Type", "type"), at("Provided by", "providedBy"), at("Where", "location"), at("Active", "active")],
};

/** Returns the columns of a type beside the id; of one that is not known its title and its last change. */
export function columnsOf(type: string): readonly Column[] {
  return COLUMNS[type] ?? [column("What", titleOf), CHANGED];
}

function column(label: string, textOf: (resource: Resource) => string): Column {
  return { label, cellOf: (resource) => ({ text: textOf(resource), reference: "" }) };
}

/** Returns a column of the first of some places that has a value. */
function at(label: string, ...places: readonly string[]): Column {
  return {
    label,
    cellOf: (resource) => {
      for (const place of places) {
        const value = valueAt(resource, place);
        const text = valueText(value);
        if (text) return { text, reference: referenceIn(value) };
      }
      return { text: "", reference: "" };
    },
  };
}

/** Returns where the choices of an element that says when are. */
function dated(element: string): readonly string[] {
  return ["DateTime", "Period", "Age", "Range", "String"].map((type) => element + type);
}

/** Returns what stands at a place, of lists the first. */
function valueAt(resource: Resource, place: string): unknown {
  let value: unknown = resource;
  for (const member of place.split(".")) {
    value = first(typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[member] : undefined);
  }
  return value;
}

function first(value: unknown): unknown {
  return Array.isArray(value) ? (value as readonly unknown[])[0] : value;
}

function referenceIn(value: unknown): string {
  const reference = typeof value === "object" && value !== null && "reference" in value ? value.reference : "";
  return typeof reference === "string" ? reference : "";
}

function nhsNumber({ identifier }: Resource): string {
  return nhsNumberText(nhsNumberOf(identifier as readonly Identifier[] | undefined) ?? "");
}

function given({ notGiven }: Resource): string {
  return notGiven === undefined ? "" : notGiven === true ? "no" : "yes";
}

/** Returns the patient of an event, wherever it stands among what was asked for. */
function whoseRecord({ entity }: Resource): Cell {
  const entities = Array.isArray(entity) ? (entity as readonly Readonly<Record<string, unknown>>[]) : [];
  const reference = entities.map((each) => referenceIn(each["reference"])).find((each) => /(?:^|\/)Patient\//.test(each)) ?? "";
  return { text: reference, reference };
}

/** Returns an observation's value, or those of its components one after another. */
function observed(resource: Resource): string {
  const { component, dataAbsentReason } = resource;
  const parts = Array.isArray(component) ? (component as readonly Readonly<Record<string, unknown>>[]) : [];
  const values = [resource, ...parts].map(ownValue).filter((each) => each !== "");
  return values.join(" / ") || conceptText(dataAbsentReason as Parameters<typeof conceptText>[0]);
}

function ownValue(element: Readonly<Record<string, unknown>>): string {
  const name = Object.keys(element).find((each) => each.startsWith("value"));
  return name ? (valueText(element[name]) ?? "") : "";
}
