/** What can be corrected of each type of a record, and the text that a correction makes. */

import type {
  AllergyIntolerance, Condition, Dosage, Encounter, EpisodeOfCare, Immunization, Measured, MedicationRequest, MedicationStatement, Observation,
  Procedure,
} from "../../../fhir/clinical.ts";
import type { Period, Resource } from "../../../fhir/datatypes.ts";
import { edited, type JsonEdit, type JsonPath } from "../../../fhir/json-edits.ts";
import { type Field, type Values, withDecimals } from "../../write/forms/form.ts";
import { rangeOfReading } from "../../write/forms/readings.ts";
import { dosages } from "../entries/entries.ts";
import type { Named } from "../names.ts";
import { measurementName } from "../../../fhir/uk-terms.ts";
import type { RecordType } from "../record-plan.ts";
import { choiceAt, type Correctable, conceptAt, dateAt, numberAt, textAt } from "./elements.ts";
import { withoutNarrative } from "./narrative.ts";
import { withReason } from "./reasons.ts";

/** The reason's own field, which every correction has. */
export const REASON_FIELD: Field = {
  name: "reason", label: "Reason", kind: "text", isRequired: true, hint: "It stays in the record. Such as: typed wrongly.", at: [],
};

/** Returns what can be corrected of a resource, in the order of its form. */
export function correctablesOf(resource: Resource, named: Named): readonly Correctable[] {
  return FORMS[resource.resourceType as RecordType](resource as never, named);
}

/** Returns the fields of a correction, without the reason's. */
export function fieldsOf(correctables: readonly Correctable[], values: Values): readonly Field[] {
  return correctables.flatMap((each) => each.fields(values));
}

export function beginOf(correctables: readonly Correctable[]): Values {
  return Object.assign({}, ...correctables.map((each) => each.begin)) as Values;
}

/** Returns a resource's text with what was typed in place of what is recorded; null if it is the same. */
export function correctedText(type: RecordType, text: string, correctables: readonly Correctable[], values: Values, now: string): string | null {
  const changed = correctables.filter(({ begin, fields }) => fields(values).some(({ name }) => (values[name] ?? "").trim() !== begin[name]));
  if (!changed.length) return null;
  const edits = changed.flatMap((each) => each.edits(values));
  const after = withDecimals(edited(withoutNarrative(text), [...edits, ...corrected(type, text)]));
  return withReason(type, after, `Corrected: ${values["reason"]?.trim() ?? ""}`, now);
}

/** The statuses of a result that was complete, from which a correction leads to `corrected`. */
const COMPLETE = ["final", "amended"];

function corrected(type: RecordType, text: string): readonly JsonEdit[] {
  const { status = "" } = JSON.parse(text) as { readonly status?: string };
  return type === "Observation" && COMPLETE.includes(status) ? [{ path: ["status"], value: "corrected" }] : [];
}

const FORMS: Readonly<Record<RecordType, (resource: never, named: Named) => readonly Correctable[]>> = {
  Observation: observation,
  Condition: condition,
  AllergyIntolerance: allergy,
  MedicationStatement: medicationStatement,
  MedicationRequest: medicationRequest,
  Immunization: immunization,
  Encounter: encounter,
  EpisodeOfCare: episode,
  Procedure: procedure,
};

function observation(one: Observation): readonly Correctable[] {
  return [
    ...measured(one, []),
    ...(one.component ?? []).flatMap((each, at) => measured(each, ["component", at])),
    ...(one.effectivePeriod ? period("Observation", ["effectivePeriod"], one.effectivePeriod) : [
      dateAt({ type: "Observation", path: ["effectiveDateTime"], label: "Taken on" }, one.effectiveDateTime),
    ]),
  ];
}

/** The value of an observation or a component. What a laboratory said of the recorded one goes with it. */
function measured(one: Measured, path: JsonPath): readonly Correctable[] {
  const type = "Observation";
  const label = measurementName(one.code) || "Value";
  const also = one.interpretation ? [{ path: [...path, "interpretation"], value: undefined }] : [];
  const { valueQuantity: quantity, valueString, valueCodeableConcept } = one;
  if (quantity?.value !== undefined) {
    return [numberAt({ type, path: [...path, "valueQuantity", "value"], label }, quantity, rangeOfReading(one.code, quantity), also)];
  }
  if (valueString !== undefined) return [textAt({ type, path: [...path, "valueString"], label, isRequired: true }, valueString)];
  return valueCodeableConcept ? [conceptAt({ type, path: [...path, "valueCodeableConcept"], label }, valueCodeableConcept, also)] : [];
}

/** The statuses of a problem that is over, with which alone it may have an end (con-4). */
const OVER = ["inactive", "remission", "resolved"];

function condition(one: Condition): readonly Correctable[] {
  const type = "Condition";
  const status = choiceAt({ type, path: ["clinicalStatus"], label: "Status" }, one.clinicalStatus, [
    ["active", "Active"], ["recurrence", "Recurrence"], ["inactive", "Inactive"], ["remission", "In remission"], ["resolved", "Resolved"],
  ]);
  const end = dateAt({ type, path: ["abatementDateTime"], label: "Until" }, one.abatementDateTime);
  const isOver = (values: Values) => OVER.includes(values["clinicalStatus"] ?? "");
  const ends = Object.keys(one).filter((name) => name.startsWith("abatement")).map((name) => ({ path: [name], value: undefined }));
  return [
    ...(one.code ? [conceptAt({ type, path: ["code"], label: "Problem" }, one.code)] : []),
    { ...status, edits: (values) => [...status.edits(values), ...(isOver(values) ? [] : ends)] },
    choiceAt({ type, path: ["verificationStatus"], label: "Certainty" }, one.verificationStatus, [
      ["confirmed", "Confirmed"], ["provisional", "Provisional"], ["differential", "One of several possible"], ["refuted", "Refuted"], ["unknown", "Not known"],
    ]),
    ...(hasOther(one, "onset") ? [] : [dateAt({ type, path: ["onsetDateTime"], label: "Since" }, one.onsetDateTime)]),
    ...(hasOther(one, "abatement") ? [] : [{ ...end, fields: (values: Values) => (isOver(values) ? end.fields(values) : []) }]),
  ];
}

function allergy(one: AllergyIntolerance): readonly Correctable[] {
  const type = "AllergyIntolerance";
  const [reaction] = one.reaction ?? [];
  const [manifestation] = reaction?.manifestation ?? [];
  return [
    ...(one.code ? [conceptAt({ type, path: ["code"], label: "Allergic to" }, one.code)] : []),
    choiceAt({ type, path: ["clinicalStatus"], label: "Status" }, one.clinicalStatus, [["active", "Active"], ["inactive", "Inactive"], ["resolved", "Resolved"]]),
    choiceAt({ type, path: ["verificationStatus"], label: "Certainty" }, one.verificationStatus, [
      ["confirmed", "Confirmed"], ["unconfirmed", "Not confirmed"], ["refuted", "Refuted"],
    ]),
    choiceAt({ type, path: ["criticality"], label: "Risk of serious harm" }, one.criticality, [
      ["high", "High"], ["low", "Low"], ["unable-to-assess", "Cannot be assessed"],
    ]),
    ...(hasOther(one, "onset") ? [] : [dateAt({ type, path: ["onsetDateTime"], label: "Since" }, one.onsetDateTime)]),
    ...(manifestation ? [conceptAt({ type, path: ["reaction", 0, "manifestation", 0], label: "Reaction" }, manifestation)] : []),
    ...(reaction ? [
      choiceAt({ type, path: ["reaction", 0, "severity"], label: "Severity of the reaction" }, reaction.severity, [
        ["mild", "Mild"], ["moderate", "Moderate"], ["severe", "Severe"],
      ]),
    ] : []),
  ];
}

function medicationStatement(one: MedicationStatement, named: Named): readonly Correctable[] {
  const type = "MedicationStatement";
  return [
    ...medicine(type, one, named),
    ...dose(type, "dosage", one.dosage),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["active", "Active"], ["completed", "Completed"], ["intended", "Intended"], ["stopped", "Stopped"], ["on-hold", "On hold"],
    ]),
    ...(one.effectiveDateTime !== undefined
      ? [dateAt({ type, path: ["effectiveDateTime"], label: "Taken on" }, one.effectiveDateTime)]
      : period(type, ["effectivePeriod"], one.effectivePeriod)),
  ];
}

function medicationRequest(one: MedicationRequest, named: Named): readonly Correctable[] {
  const type = "MedicationRequest";
  return [
    ...medicine(type, one, named),
    ...dose(type, "dosageInstruction", one.dosageInstruction),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["active", "Active"], ["on-hold", "On hold"], ["cancelled", "Cancelled"], ["completed", "Completed"], ["stopped", "Stopped"],
    ]),
    dateAt({ type, path: ["authoredOn"], label: "Written on" }, one.authoredOn),
    ...(one.dispenseRequest?.validityPeriod ? period(type, ["dispenseRequest", "validityPeriod"], one.dispenseRequest.validityPeriod) : []),
  ];
}

/** A medicine's name; one that is contained in the resource is changed there, by the editor. */
function medicine(type: string, one: MedicationStatement | MedicationRequest, named: Named): readonly Correctable[] {
  const { medicationReference: reference, medicationCodeableConcept: concept } = one;
  const place = { type, path: ["medicationCodeableConcept"], label: "Medicine" };
  if (concept) return [conceptAt(place, concept)];
  if (!reference || reference.reference?.startsWith("#")) return [];
  return [conceptAt(place, { text: named(reference) }, [{ path: ["medicationReference"], value: undefined }])];
}

/** How the only dose is taken, as it is read. What says the same in parts goes with it. */
function dose(type: string, element: string, list: readonly Dosage[] = []): readonly Correctable[] {
  if (list.length > 1) return [];
  return [textAt({ type, path: [element, 0], label: "Dose and how often" }, dosages(list)[0], (text) => ({ text }))];
}

/** The vaccine's name is not among it: Care Connect has it twice, and another vaccine is another immunisation. */
function immunization(one: Immunization): readonly Correctable[] {
  const type = "Immunization";
  return [
    dateAt({ type, path: ["date"], label: one.notGiven ? "Decided on" : "Given on" }, one.date),
    textAt({ type, path: ["lotNumber"], label: "Batch number" }, one.lotNumber),
  ];
}

function encounter(one: Encounter): readonly Correctable[] {
  const type = "Encounter";
  const [kind] = one.type ?? [];
  return [
    ...(kind ? [conceptAt({ type, path: ["type", 0], label: "Encounter" }, kind)] : []),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["planned", "Planned"], ["arrived", "Arrived"], ["in-progress", "In progress"], ["finished", "Finished"], ["cancelled", "Cancelled"],
    ]),
    ...period(type, ["period"], one.period),
  ];
}

function episode(one: EpisodeOfCare): readonly Correctable[] {
  const type = "EpisodeOfCare";
  return [
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["planned", "Planned"], ["waitlist", "On the waiting list"], ["active", "Active"], ["onhold", "On hold"], ["finished", "Finished"], ["cancelled", "Cancelled"],
    ]),
    ...period(type, ["period"], one.period),
  ];
}

function procedure(one: Procedure): readonly Correctable[] {
  const type = "Procedure";
  return [
    ...(one.code ? [conceptAt({ type, path: ["code"], label: "Procedure" }, one.code)] : []),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["preparation", "In preparation"], ["in-progress", "In progress"], ["suspended", "Suspended"], ["aborted", "Aborted"], ["completed", "Completed"],
    ]),
    ...(one.performedPeriod
      ? period(type, ["performedPeriod"], one.performedPeriod)
      : [dateAt({ type, path: ["performedDateTime"], label: "Done on" }, one.performedDateTime)]),
  ];
}

function period(type: string, path: JsonPath, { start, end }: Period = {}): readonly Correctable[] {
  return [
    dateAt({ type, path: [...path, "start"], label: "From" }, start),
    dateAt({ type, path: [...path, "end"], label: "Until" }, end),
  ];
}

/** Returns whether a choice of types holds something else than a dateTime: there is room for one of them. */
function hasOther(resource: Resource, element: string): boolean {
  return Object.keys(resource).some((name) => name.startsWith(element) && name !== `${element}DateTime`);
}
