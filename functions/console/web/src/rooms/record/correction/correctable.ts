/** What can be corrected of each type of a record, and the text that a correction makes. */

import type {
  AllergyIntolerance, Annotation, Condition, Dosage, Encounter, EpisodeOfCare, Goal, Immunization, Measured, MedicationRequest, MedicationStatement,
  Observation, Procedure,
} from "../../../fhir/clinical.ts";
import type { CodeableConcept, Period, Range, Resource } from "../../../fhir/datatypes.ts";
import { edited, type JsonEdit, type JsonPath } from "../../../fhir/json-edits.ts";
import { unitText } from "../../../fhir/text.ts";
import { measurementName } from "../../../fhir/uk-terms.ts";
import { isUnitOf, vitalSignOf } from "../../../plausibility/vital-signs.ts";
import {
  choiceAt, type Correctable, conceptAt, dateAt, editsOf, eitherAt, nameAt, noteAt, numberAt, onlyIf, type Place, rarely, textAt, withEdits,
} from "../../write/forms/elements.ts";
import { type Field, type Values, withDecimals } from "../../write/forms/form.ts";
import { patientElements } from "../../write/forms/patient-elements.ts";
import { limitsOfReading } from "../../write/forms/readings.ts";
import { containedMedicine, dosages } from "../entries/medication.ts";
import type { Named } from "../names.ts";
import type { CorrectedType } from "../record-plan.ts";
import { withoutNarrative } from "./narrative.ts";
import { withReason } from "./reasons.ts";

/** The reason's own field, which every correction has. */
export const REASON_FIELD: Field = {
  name: "reason", label: "Reason", kind: "text", isRequired: true, hint: "It stays in the record. Such as: typed wrongly.", at: [],
};

/** Returns what can be corrected of a resource, in the order of its form. */
export function correctablesOf(resource: Resource, named: Named): readonly Correctable[] {
  return FORMS[resource.resourceType as CorrectedType](resource as never, named);
}

/** Returns a resource's text with what was typed in place of what is recorded; null if it is the same. */
export function correctedText(type: CorrectedType, text: string, correctables: readonly Correctable[], values: Values, now: string): string | null {
  const edits = editsOf(correctables, values);
  if (!edits.length) return null;
  const after = withDecimals(edited(withoutNarrative(text), [...edits, ...corrected(type, text, edits)]));
  return withReason(type, after, `Corrected: ${values["reason"]?.trim() ?? ""}`, now);
}

/** The statuses of a result that was complete, from which a correction leads to `corrected`. */
const COMPLETE = ["final", "amended"];

function corrected(type: CorrectedType, text: string, edits: readonly JsonEdit[]): readonly JsonEdit[] {
  const { status = "" } = JSON.parse(text) as { readonly status?: string };
  const isTyped = edits.some(({ path }) => path[0] === "status");
  return type === "Observation" && COMPLETE.includes(status) && !isTyped ? [{ path: ["status"], value: "corrected" }] : [];
}

const FORMS: Readonly<Record<CorrectedType, (resource: never, named: Named) => readonly Correctable[]>> = {
  Patient: patientElements,
  Observation: observation,
  Condition: condition,
  AllergyIntolerance: allergy,
  MedicationStatement: medicationStatement,
  MedicationRequest: medicationRequest,
  Immunization: immunization,
  Encounter: encounter,
  EpisodeOfCare: episode,
  Procedure: procedure,
  Goal: goal,
};

function observation(one: Observation): readonly Correctable[] {
  const type = "Observation";
  return [
    ...measured(one, []),
    ...(one.component ?? []).flatMap((each, at) => measured(each, ["component", at])),
    ...(one.effectivePeriod ? period(type, ["effectivePeriod"], one.effectivePeriod) : [
      dateAt({ type, path: ["effectiveDateTime"], label: "Taken on" }, one.effectiveDateTime),
    ]),
    ...rarely([
      choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
        ["registered", "Registered"], ["preliminary", "Preliminary"], ["final", "Final"], ["amended", "Amended"], ["corrected", "Corrected"],
        ["cancelled", "Cancelled"],
      ]),
      ...(one.issued === undefined ? [] : [dateAt({ type, path: ["issued"], label: "Issued on" }, one.issued)]),
      ...flag(one, []),
      ...(one.component ?? []).flatMap((each, at) => flag(each, ["component", at])),
      ...(one.comment === undefined ? [] : [noteAt({ type, path: ["comment"], label: "Comment" }, one.comment)]),
    ]),
  ];
}

/** The value of an observation or a component. What a laboratory said of the recorded one goes with it, unless it is typed anew. */
function measured(one: Measured, path: JsonPath): readonly Correctable[] {
  const type = "Observation";
  const label = measurementName(one.code) || "Value";
  const place = (element: string, more = ""): Place => ({ type, path: [...path, element], label: label + more });
  const interpretation = [...path, "interpretation"];
  const isTypedAnew = (values: Values) => (values[nameAt(interpretation)] ?? "") !== interpretationOf(one);
  const also = (values: Values): readonly JsonEdit[] => (one.interpretation && !isTypedAnew(values) ? [{ path: interpretation, value: undefined }] : []);
  const { valueQuantity: quantity, valueString, valueCodeableConcept, valueBoolean, valueRange, valueDateTime, valuePeriod, dataAbsentReason } = one;
  const values: readonly Correctable[] = [
    ...(quantity?.value === undefined ? [] : [
      numberAt({ type, path: [...path, "valueQuantity", "value"], label }, quantity, limitsOfReading(one.code, quantity)),
      ...unit(one, [...path, "valueQuantity"], label),
    ]),
    ...(valueString === undefined ? [] : [textAt({ ...place("valueString"), isRequired: true }, valueString)]),
    ...(valueCodeableConcept ? [conceptAt(place("valueCodeableConcept"), valueCodeableConcept)] : []),
    ...(valueBoolean === undefined ? [] : [eitherAt(place("valueBoolean"), valueBoolean, ["Yes", "No"])]),
    ...(valueRange ? range(place("valueRange"), valueRange) : []),
    ...(valueDateTime === undefined ? [] : [dateAt(place("valueDateTime"), valueDateTime)]),
    ...(valuePeriod ? period(type, [...path, "valuePeriod"], valuePeriod, label) : []),
    ...(dataAbsentReason ? [conceptAt(place("dataAbsentReason", ": why there is no value"), dataAbsentReason)] : []),
  ];
  return values.map((each) => withEdits(each, also));
}

/** The unit, where it is none that the vital sign can have. */
function unit({ code, valueQuantity: quantity }: Measured, path: JsonPath, label: string): readonly Correctable[] {
  const sign = vitalSignOf(code);
  if (!sign || quantity?.code === undefined || isUnitOf(sign, quantity.code)) return [];
  const choices = sign.units.map((each) => [each, unitText({ code: each })] as const);
  const place = { type: "Observation", path: [...path, "code"], label: `${label}: unit` };
  const chosen = choiceAt(place, quantity.code, choices);
  const also = (values: Values): readonly JsonEdit[] => [
    { path: [...path, "unit"], value: unitText({ code: values[nameAt(place.path)] ?? "" }) },
    { path: [...path, "system"], value: "http://unitsofmeasure.org" },
  ];
  return [withEdits(chosen, also)];
}

/** Codes of HL7's table 0078 that a person tells apart. */
const INTERPRETATIONS = [["H", "High"], ["L", "Low"], ["A", "Abnormal"], ["N", "Normal"]] as const;

function interpretationOf({ interpretation }: Measured): string {
  return interpretation?.coding?.[0]?.code ?? "";
}

/** What a laboratory said of a value: its interpretation and the ranges by which it is judged. */
function flag(one: Measured, path: JsonPath): readonly Correctable[] {
  const type = "Observation";
  const label = measurementName(one.code) || "Value";
  const at = [...path, "interpretation"];
  const coding = (code: string) => ({ coding: [{ system: "http://hl7.org/fhir/v2/0078", code, display: INTERPRETATIONS.find(([each]) => each === code)?.[1] ?? code }] });
  const ranges = (one.referenceRange ?? []).flatMap((each, place) => {
    const where: Place = { type, path: [...path, "referenceRange", place], label: `${label}: normal range` };
    return each.text === undefined ? range(where, each) : [textAt({ ...where, path: [...where.path, "text"], isRequired: true }, each.text)];
  });
  return [
    ...(one.interpretation ? [choiceAt({ type, path: at, label: `${label}: interpretation`, goes: at }, interpretationOf(one), INTERPRETATIONS, coding)] : []),
    ...ranges,
  ];
}

function range({ type, path, label }: Place, { low, high }: Range): readonly Correctable[] {
  return [
    ...(low?.value === undefined ? [] : [numberAt({ type, path: [...path, "low", "value"], label: `${label} from` }, low)]),
    ...(high?.value === undefined ? [] : [numberAt({ type, path: [...path, "high", "value"], label: `${label} to` }, high)]),
  ];
}

/** The statuses of a problem that is over, with which alone it may have an end (con-4). */
const OVER = ["inactive", "remission", "resolved"];

function condition(one: Condition): readonly Correctable[] {
  const type = "Condition";
  const status = choiceAt({ type, path: ["clinicalStatus"], label: "Status" }, one.clinicalStatus, [
    ["active", "Active"], ["recurrence", "Recurrence"], ["inactive", "Inactive"], ["remission", "In remission"], ["resolved", "Resolved"],
  ]);
  const isOver = (values: Values) => OVER.includes(values["clinicalStatus"] ?? "");
  const ends = Object.keys(one).filter((name) => name.startsWith("abatement")).map((name) => ({ path: [name], value: undefined }));
  const end = one.abatementString === undefined
    ? dateAt({ type, path: ["abatementDateTime"], label: "Until" }, one.abatementDateTime)
    : textAt({ type, path: ["abatementString"], label: "Until" }, one.abatementString);
  return [
    ...(one.code ? [conceptAt({ type, path: ["code"], label: "Problem" }, one.code)] : []),
    withEdits(status, (values) => (isOver(values) ? [] : ends)),
    choiceAt({ type, path: ["verificationStatus"], label: "Certainty" }, one.verificationStatus, [
      ["confirmed", "Confirmed"], ["provisional", "Provisional"], ["differential", "One of several possible"], ["refuted", "Refuted"], ["unknown", "Not known"],
    ]),
    ...onset(type, one),
    ...(hasOther(one, "abatement", "String") ? [] : [onlyIf(isOver, end)]),
    ...rarely([
      ...(one.severity ? [conceptAt({ type, path: ["severity"], label: "Severity", goes: ["severity"] }, one.severity)] : []),
      ...concepts(type, ["bodySite"], "Place in the body", one.bodySite),
      ...recordedOn(type, "assertedDate", one.assertedDate),
      ...notes(type, one.note),
    ]),
  ];
}

/** When it began: as a day, a period or in words, whichever is recorded. */
function onset(type: string, one: Condition | AllergyIntolerance): readonly Correctable[] {
  const { onsetDateTime, onsetPeriod, onsetString } = one as Condition;
  if (onsetPeriod) return period(type, ["onsetPeriod"], onsetPeriod, "Since");
  if (onsetString !== undefined) return [textAt({ type, path: ["onsetString"], label: "Since" }, onsetString)];
  return hasOther(one, "onset") ? [] : [dateAt({ type, path: ["onsetDateTime"], label: "Since" }, onsetDateTime)];
}

function allergy(one: AllergyIntolerance): readonly Correctable[] {
  const type = "AllergyIntolerance";
  return [
    ...(one.code ? [conceptAt({ type, path: ["code"], label: "Allergic to" }, one.code)] : []),
    choiceAt({ type, path: ["clinicalStatus"], label: "Status" }, one.clinicalStatus, [["active", "Active"], ["inactive", "Inactive"], ["resolved", "Resolved"]]),
    choiceAt({ type, path: ["verificationStatus"], label: "Certainty" }, one.verificationStatus, [
      ["confirmed", "Confirmed"], ["unconfirmed", "Not confirmed"], ["refuted", "Refuted"],
    ]),
    choiceAt({ type, path: ["criticality"], label: "Risk of serious harm" }, one.criticality, [
      ["high", "High"], ["low", "Low"], ["unable-to-assess", "Cannot be assessed"],
    ]),
    ...onset(type, one),
    ...(one.reaction ?? []).flatMap((each, at, all) => reaction(each, at, all.length)),
    ...rarely([
      choiceAt({ type, path: ["type"], label: "Allergy or intolerance" }, one.type, [["allergy", "Allergy"], ["intolerance", "Intolerance"]]),
      ...recordedOn(type, "assertedDate", one.assertedDate),
      ...notes(type, one.note),
    ]),
  ];
}

/** A reaction; it goes with the last of its manifestations, which every reaction has. */
function reaction({ substance, manifestation = [], severity }: NonNullable<AllergyIntolerance["reaction"]>[number], at: number, count: number): readonly Correctable[] {
  const type = "AllergyIntolerance";
  const whole = ["reaction", at];
  const number = count > 1 ? ` ${at + 1}` : "";
  return [
    ...manifestation.map((each, place) => {
      const path = [...whole, "manifestation", place];
      return conceptAt({ type, path, label: `Reaction${number}`, goes: manifestation.length > 1 ? path : whole }, each);
    }),
    choiceAt({ type, path: [...whole, "severity"], label: `Severity of the reaction${number}` }, severity, [
      ["mild", "Mild"], ["moderate", "Moderate"], ["severe", "Severe"],
    ]),
    ...(substance ? [conceptAt({ type, path: [...whole, "substance"], label: `Reaction${number} to`, goes: [...whole, "substance"] }, substance)] : []),
  ];
}

function medicationStatement(one: MedicationStatement, named: Named): readonly Correctable[] {
  const type = "MedicationStatement";
  const isNotTaken = (values: Values) => values["taken"] === "n";
  return [
    ...medicine(type, one, named),
    ...doses(type, "dosage", one.dosage),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["active", "Active"], ["completed", "Completed"], ["intended", "Intended"], ["stopped", "Stopped"], ["on-hold", "On hold"],
    ]),
    ...(one.effectiveDateTime !== undefined
      ? [dateAt({ type, path: ["effectiveDateTime"], label: "Taken on" }, one.effectiveDateTime)]
      : period(type, ["effectivePeriod"], one.effectivePeriod)),
    ...rarely([
      // mst-1: a reason why it is not taken is there only if it is not.
      withEdits(
        choiceAt({ type, path: ["taken"], label: "Is it taken?" }, one.taken, [["y", "Yes"], ["n", "No"], ["unk", "Not known"], ["na", "Not applicable"]]),
        (values) => (isNotTaken(values) ? [] : [{ path: ["reasonNotTaken"], value: undefined }]),
      ),
      ...concepts(type, ["reasonNotTaken"], "Why it is not taken", one.reasonNotTaken).map((each) => onlyIf(isNotTaken, each)),
      ...recordedOn(type, "dateAsserted", one.dateAsserted),
      ...notes(type, one.note),
    ]),
  ];
}

function medicationRequest(one: MedicationRequest, named: Named): readonly Correctable[] {
  const type = "MedicationRequest";
  const { validityPeriod, numberOfRepeatsAllowed: repeats } = one.dispenseRequest ?? {};
  return [
    ...medicine(type, one, named),
    ...doses(type, "dosageInstruction", one.dosageInstruction),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["active", "Active"], ["on-hold", "On hold"], ["cancelled", "Cancelled"], ["completed", "Completed"], ["stopped", "Stopped"],
    ]),
    dateAt({ type, path: ["authoredOn"], label: "Written on" }, one.authoredOn),
    ...(validityPeriod ? period(type, ["dispenseRequest", "validityPeriod"], validityPeriod) : []),
    ...rarely([
      ...(repeats === undefined ? [] : [number({ type, path: ["dispenseRequest", "numberOfRepeatsAllowed"], label: "Repeats allowed" }, repeats)]),
      choiceAt({ type, path: ["intent"], label: "Intent" }, one.intent, [["proposal", "Proposal"], ["plan", "Plan"], ["order", "Order"], ["instance-order", "Order of an instance"]]),
      ...notes(type, one.note),
    ]),
  ];
}

/** A medicine's name: of the resource itself, of one that it contains, or instead of a reference. What else is said of the former one goes. */
function medicine(type: string, one: MedicationStatement | MedicationRequest, named: Named): readonly Correctable[] {
  const { medicationReference: reference, medicationCodeableConcept: concept } = one;
  const label = "Medicine";
  if (concept) return [conceptAt({ type, path: ["medicationCodeableConcept"], label }, concept)];
  if (!reference) return [];
  const recorded = { text: named(reference) };
  const contained = containedMedicine(one);
  if (contained) {
    const { at, medication: { id, code } } = contained;
    const whole = conceptAt({ type, path: ["contained", at], label }, code ?? recorded, (other) => ({ resourceType: "Medication", id, code: other }));
    return [withEdits(whole, () => [{ path: ["medicationReference", "display"], value: undefined }])];
  }
  return [withEdits(conceptAt({ type, path: ["medicationCodeableConcept"], label }, recorded), () => [{ path: ["medicationReference"], value: undefined }])];
}

/** How each dose is taken, as it is read. What says the same in parts goes with it. */
function doses(type: string, element: string, list: readonly Dosage[] = []): readonly Correctable[] {
  const texts = dosages(list);
  return (texts.length ? texts : [undefined]).map((text, at) => {
    const label = texts.length > 1 ? `Dose ${at + 1} and how often` : "Dose and how often";
    const { sequence } = list[at] ?? {};
    return textAt({ type, path: [element, at], label }, text, (typed) => ({ sequence, text: typed }));
  });
}

/** The extensions of Care Connect that say the vaccine's procedure, and when an immunisation was recorded. */
const VACCINATION = "Extension-CareConnect-VaccinationProcedure-1";
const DATE_RECORDED = "Extension-CareConnect-DateRecorded-1";

function immunization(one: Immunization): readonly Correctable[] {
  const type = "Immunization";
  const isRefused = (values: Values) => values["notGiven"] === "true";
  const { reasonNotGiven } = one.explanation ?? {};
  const extensions = one.extension ?? [];
  const procedures = extensions.flatMap(({ url }, at) => (url.endsWith(VACCINATION) ? [at] : []));
  const recorded = extensions.findIndex(({ url }) => url.endsWith(DATE_RECORDED));
  return [
    ...(one.vaccineCode ? [
      // The procedure's name is the former vaccine's.
      withEdits(conceptAt({ type, path: ["vaccineCode"], label: "Vaccine" }, one.vaccineCode), () => procedures.map((at) => ({ path: ["extension", at], value: undefined }))),
    ] : []),
    withEdits(eitherAt({ type, path: ["notGiven"], label: "Was it given?" }, one.notGiven, ["Not given", "Given"]), (values) => (
      // imm-1: why it was not given, and imm-2: why it was, and how it was borne.
      (isRefused(values) ? [["reaction"], ["explanation", "reason"]] : [["explanation", "reasonNotGiven"]]).map((path) => ({ path, value: undefined }))
    )),
    dateAt({ type, path: ["date"], label: one.notGiven ? "Decided on" : "Given on" }, one.date),
    textAt({ type, path: ["lotNumber"], label: "Batch number" }, one.lotNumber),
    ...concepts(type, ["explanation", "reasonNotGiven"], "Why it was not given", reasonNotGiven).map((each) => onlyIf(isRefused, each)),
    ...rarely([
      ...(one.vaccinationProtocol ?? []).flatMap(({ doseSequence }, at) => (
        doseSequence === undefined ? [] : [number({ type, path: ["vaccinationProtocol", at, "doseSequence"], label: "Number of the dose" }, doseSequence)]
      )),
      ...(recorded < 0 ? [] : [
        dateAt({ type, path: ["extension", recorded, "valueDateTime"], label: "Recorded on", goes: ["extension", recorded] }, extensions[recorded]?.valueDateTime),
      ]),
      ...notes(type, one.note),
    ]),
  ];
}

/** Codes of HL7's ActCode for an encounter. */
const CLASSES = [
  ["AMB", "ambulatory"], ["EMER", "emergency"], ["FLD", "field"], ["HH", "home health"], ["IMP", "inpatient encounter"], ["SS", "short stay"], ["VR", "virtual"],
] as const;

function encounter(one: Encounter): readonly Correctable[] {
  const type = "Encounter";
  const { class: kind } = one;
  const place = { type, path: ["class"], label: "Kind" };
  const coding = (code: string) => ({ system: "http://hl7.org/fhir/v3/ActCode", code, display: CLASSES.find(([each]) => each === code)?.[1] });
  return [
    ...concepts(type, ["type"], "Encounter", one.type?.slice(0, 1)),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["planned", "Planned"], ["arrived", "Arrived"], ["in-progress", "In progress"], ["finished", "Finished"], ["cancelled", "Cancelled"],
    ]),
    ...period(type, ["period"], one.period),
    ...rarely([
      ...(kind ? [choiceAt(place, kind.code, CLASSES.map(([code, name]) => [code, name.replace(/^./, (first) => first.toUpperCase())] as const), coding)] : []),
      ...concepts(type, ["reason"], "Reason for it", one.reason),
    ]),
  ];
}

function episode(one: EpisodeOfCare): readonly Correctable[] {
  const type = "EpisodeOfCare";
  return [
    ...concepts(type, ["type"], "Episode of care", one.type?.slice(0, 1)),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["planned", "Planned"], ["waitlist", "On the waiting list"], ["active", "Active"], ["onhold", "On hold"], ["finished", "Finished"], ["cancelled", "Cancelled"],
    ]),
    ...period(type, ["period"], one.period),
  ];
}

function procedure(one: Procedure): readonly Correctable[] {
  const type = "Procedure";
  const isNotDone = (values: Values) => values["notDone"] === "true";
  return [
    ...(one.code ? [conceptAt({ type, path: ["code"], label: "Procedure" }, one.code)] : []),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["preparation", "In preparation"], ["in-progress", "In progress"], ["suspended", "Suspended"], ["aborted", "Aborted"], ["completed", "Completed"],
    ]),
    ...(one.performedPeriod
      ? period(type, ["performedPeriod"], one.performedPeriod)
      : [dateAt({ type, path: ["performedDateTime"], label: "Done on" }, one.performedDateTime)]),
    ...rarely([
      ...(one.notDone === undefined ? [] : [
        // pro-1: a reason why it was not done is there only if it was not.
        withEdits(eitherAt({ type, path: ["notDone"], label: "Was it done?" }, one.notDone, ["Not done", "Done"]), (values) => (
          isNotDone(values) ? [] : [{ path: ["notDoneReason"], value: undefined }]
        )),
      ]),
      ...(one.notDoneReason
        ? [onlyIf(isNotDone, conceptAt({ type, path: ["notDoneReason"], label: "Why it was not done", goes: ["notDoneReason"] }, one.notDoneReason))]
        : []),
      ...concepts(type, ["bodySite"], "Place in the body", one.bodySite),
      ...(one.outcome ? [conceptAt({ type, path: ["outcome"], label: "Outcome", goes: ["outcome"] }, one.outcome)] : []),
      ...notes(type, one.note),
    ]),
  ];
}

function goal(one: Goal): readonly Correctable[] {
  const type = "Goal";
  return [
    ...(one.description ? [conceptAt({ type, path: ["description"], label: "Goal" }, one.description)] : []),
    choiceAt({ type, path: ["status"], label: "Status" }, one.status, [
      ["proposed", "Proposed"], ["accepted", "Accepted"], ["planned", "Planned"], ["in-progress", "In progress"], ["on-target", "On target"],
      ["ahead-of-target", "Ahead of target"], ["behind-target", "Behind target"], ["sustaining", "Sustaining"], ["achieved", "Achieved"],
      ["on-hold", "On hold"], ["cancelled", "Cancelled"], ["rejected", "Rejected"],
    ]),
    ...(hasOther(one, "start", "Date") ? [] : [dateAt({ type, path: ["startDate"], label: "Since" }, one.startDate)]),
    ...(one.target?.dueDate === undefined ? [] : [dateAt({ type, path: ["target", "dueDate"], label: "Due on" }, one.target.dueDate)]),
    ...rarely([
      ...concepts(type, ["category"], "Kind", one.category),
      ...(one.statusReason === undefined ? [] : [textAt({ type, path: ["statusReason"], label: "Reason of the status" }, one.statusReason)]),
      ...notes(type, one.note),
    ]),
  ];
}

/** `of` is whose period it is, empty for the resource's own. */
function period(type: string, path: JsonPath, { start, end }: Period = {}, of = ""): readonly Correctable[] {
  return [
    dateAt({ type, path: [...path, "start"], label: of ? `${of}: from` : "From" }, start),
    dateAt({ type, path: [...path, "end"], label: of ? `${of}: until` : "Until" }, end),
  ];
}

/** The entries of a list of concepts; an emptied one goes. */
function concepts(type: string, path: JsonPath, label: string, list: readonly CodeableConcept[] = []): readonly Correctable[] {
  return list.map((each, at) => conceptAt({ type, path: [...path, at], label, goes: [...path, at] }, each));
}

function notes(type: string, list: readonly Annotation[] = []): readonly Correctable[] {
  return list.flatMap(({ text }, at) => (text === undefined ? [] : [noteAt({ type, path: ["note", at, "text"], label: "Note", goes: ["note", at] }, text)]));
}

function number(place: Place, value: number): Correctable {
  return numberAt(place, { value });
}

function recordedOn(type: string, element: string, recorded: string | undefined): readonly Correctable[] {
  return recorded === undefined ? [] : [dateAt({ type, path: [element], label: "Recorded on" }, recorded)];
}

/** Returns whether a choice of types holds something else than the one of `suffix`, or a dateTime: there is room for one of them. */
function hasOther(resource: Resource, element: string, suffix = ""): boolean {
  const own = [`${element}DateTime`, `${element}${suffix}`, `_${element}DateTime`];
  return Object.keys(resource).some((name) => name.startsWith(element) && !own.includes(name));
}
