/** What is hardly right in a resource of a record: a table of rules, each with its source. A person decides, but for the impossible. */

import type { AllergyIntolerance, Condition, Measured, Medication, MedicationRequest, MedicationStatement, Observation, Patient } from "../fhir/clinical.ts";
import type { CodeableConcept, Resource } from "../fhir/datatypes.ts";
import { dateText } from "../fhir/dates.ts";
import { conceptText, quantityText, unitText } from "../fhir/text.ts";
import { isSameAllergy, meeting } from "./medicine-allergies.ts";
import { DIASTOLIC, isUnitOf, SYSTOLIC, vitalSignOf } from "./vital-signs.ts";

export interface Doubt {
  /** The rule's name. */
  readonly rule: string;
  /** What is odd, as a sentence. */
  readonly text: string;
  /** By what it is judged. */
  readonly source: string;
  /** Whether it cannot be: it is then not sent. */
  readonly isImpossible: boolean;
  /** FHIR's expression of the element. */
  readonly at: string;
  /** The id of the patient whose record is to be looked at first. */
  readonly record?: string;
}

/** What a resource is compared with. */
export interface Known {
  /** Undefined if the token does not open who it is about. */
  readonly patient: Patient | undefined;
  /** The record as far as it is known; what was entered in error is left out. */
  readonly record: readonly Resource[];
}

type Finding = Pick<Doubt, "text" | "at"> & { readonly isImpossible?: boolean };

interface Rule {
  readonly rule: string;
  readonly source: string;
  /** Whether what is stored already is judged by it too: the others need to know what was there before. */
  readonly isOfStored: boolean;
  readonly find: (resource: Resource, known: Known) => readonly Finding[];
}

const RULES: readonly Rule[] = [
  {
    rule: "systolic below diastolic",
    source: "NHS, Blood pressure test: the first number is the pressure of a heartbeat, the second that between two",
    isOfStored: true,
    find: swappedPressure,
  },
  { rule: "before birth", source: "the date of birth in this record (Patient.birthDate)", isOfStored: true, find: beforeBirth },
  { rule: "after death", source: "the date of death in this record (Patient.deceasedDateTime)", isOfStored: true, find: afterDeath },
  { rule: "end before beginning", source: "FHIR STU3, per-1, for a problem's two dates", isOfStored: true, find: endBeforeBeginning },
  {
    rule: "ten times the last value",
    source: "ISMP, Error-Prone Abbreviations, Symbols, and Dose Designations: a decimal point that is missed is a tenfold error",
    isOfStored: false,
    find: tenfold,
  },
  { rule: "unit", source: "FHIR STU3, Vital Signs profiles: the units of each (UCUM)", isOfStored: true, find: otherUnit },
  {
    rule: "allergy is already there",
    source: "FHIR STU3, AllergyIntolerance: one for each substance",
    isOfStored: false,
    find: sameAllergy,
  },
  {
    rule: "medicine meets an allergy",
    source: "NICE CG183, Drug allergy: check the allergy status before a medicine is given; BNF, for its class",
    isOfStored: true,
    find: metAllergy,
  },
  {
    rule: "allergy meets a medicine",
    source: "NICE CG183, Drug allergy: check the allergy status before a medicine is given; BNF, for its class",
    // Of what is stored the remark stands beside the medicine.
    isOfStored: false,
    find: metMedicine,
  },
  { rule: "entries before birth", source: "the dates of the entries in this record", isOfStored: false, find: entriesBeforeBirth },
  { rule: "death before birth", source: "the two dates themselves (Patient.birthDate, Patient.deceasedDateTime)", isOfStored: true, find: deathBeforeBirth },
];

/** Returns what is doubtful about a resource that is going to be written. */
export function doubtsAbout(resource: Resource, known: Known): readonly Doubt[] {
  return found(RULES, resource, known);
}

/** Returns what is doubtful about a resource that is stored: by itself, or beside the allergies of the record. */
export function doubtsAboutStored(resource: Resource, known: Known): readonly Doubt[] {
  return found(RULES.filter((each) => each.isOfStored), resource, known);
}

/** Returns whether something is left to be said before it is sent: what cannot be, and what nobody has confirmed. */
export function isDoubtful(doubts: readonly Doubt[], confirmed: readonly Doubt[]): boolean {
  return doubts.some((each) => each.isImpossible || !confirmed.some((other) => other.text === each.text));
}

function found(rules: readonly Rule[], resource: Resource, known: Known): readonly Doubt[] {
  return rules.flatMap(({ rule, source, find }) => find(resource, known).map((each) => ({ isImpossible: false, ...each, rule, source })));
}

function swappedPressure(resource: Resource): readonly Finding[] {
  const components = (resource as Observation).component ?? [];
  const at = components.findIndex((each) => has(each, SYSTOLIC));
  const [systolic, diastolic] = [components[at], components.find((each) => has(each, DIASTOLIC))].map((each) => each?.valueQuantity?.value);
  if (systolic === undefined || diastolic === undefined || systolic >= diastolic) return [];
  return [{ text: `Systolic ${systolic} is below diastolic ${diastolic}: are they the wrong way round?`, at: `Observation.component[${at}].valueQuantity` }];
}

/** The elements that say when something was or began, and those that say when it ended. */
const DATES = ["effectiveDateTime", "effectivePeriod.start", "onsetDateTime", "performedDateTime", "performedPeriod.start", "date", "authoredOn", "period.start"];
const ENDS = ["effectivePeriod.end", "abatementDateTime", "performedPeriod.end", "period.end"];

function beforeBirth(resource: Resource, { patient }: Known): readonly Finding[] {
  const born = patient?.birthDate;
  if (!born) return [];
  const { resourceType: type } = resource;
  return dated(resource, [...DATES, ...ENDS]).filter(({ date }) => isBefore(date, born)).map(({ date, path }) => ({
    text: `${dateText(date)} is before the birth on ${dateText(born)}.`,
    at: `${type}.${path}`,
    // A finding before birth can be recorded as a problem.
    isImpossible: type !== "Condition",
  }));
}

function afterDeath(resource: Resource, { patient }: Known): readonly Finding[] {
  const died = patient?.deceasedDateTime;
  if (!died) return [];
  return dated(resource, DATES).filter(({ date }) => isBefore(died, date)).map(({ date, path }) => ({
    text: `${dateText(date)} is after the death on ${dateText(died)}.`,
    at: `${resource.resourceType}.${path}`,
  }));
}

function endBeforeBeginning(resource: Resource): readonly Finding[] {
  const { onsetDateTime: onset, abatementDateTime: end } = resource as Condition;
  if (onset === undefined || end === undefined || !isBefore(end, onset)) return [];
  return [{ text: `It ends on ${dateText(end)}, before it begins on ${dateText(onset)}.`, at: `${resource.resourceType}.abatementDateTime`, isImpossible: true }];
}

/** Less than ten, as a value has changed too since the last one: 8.9 for 89 after 88.1. */
const ABOUT_TENFOLD = 8;

function tenfold(resource: Resource, { record }: Known): readonly Finding[] {
  if (resource.resourceType !== "Observation") return [];
  const others = record.filter((each): each is Observation => each.resourceType === "Observation" && each.id !== resource.id);
  return measuredIn(resource as Observation).flatMap(({ measured, path }) => {
    const { valueQuantity: now } = measured;
    const last = lastLike(measured, others);
    if (!now?.value || !last?.value || Math.max(now.value / last.value, last.value / now.value) < ABOUT_TENFOLD) return [];
    return [{ text: `${quantityText(now)} is about ten times ${now.value > last.value ? "" : "less than "}the last value, ${quantityText(last)}, or further.`, at: `${path}.valueQuantity` }];
  });
}

/** Returns the latest quantity of the same code, in the same unit. */
function lastLike({ code, valueQuantity: now }: Measured, others: readonly Observation[]) {
  const alike = others
    .flatMap((each) => measuredIn(each).map(({ measured }) => ({ measured, at: each.effectiveDateTime ?? each.effectivePeriod?.start ?? "" })))
    .filter(({ measured }) => isSameCode(measured.code, code) && measured.valueQuantity?.value !== undefined && unitText(measured.valueQuantity) === unitText(now));
  return alike.sort((one, other) => other.at.localeCompare(one.at))[0]?.measured.valueQuantity;
}

function otherUnit(resource: Resource): readonly Finding[] {
  return measuredIn(resource as Observation).flatMap(({ measured, path }) => {
    const sign = vitalSignOf(measured.code);
    const { valueQuantity: quantity } = measured;
    if (!sign || quantity?.value === undefined || quantity.code === undefined) return [];
    if (isUnitOf(sign, quantity.code)) return [];
    return [{ text: `${sign.name} is in ${unitText({ code: sign.units[0] })}, and this is in ${unitText(quantity)}.`, at: `${path}.valueQuantity` }];
  });
}

function sameAllergy(resource: Resource, { record }: Known): readonly Finding[] {
  if (resource.resourceType !== "AllergyIntolerance") return [];
  const { code, id } = resource as AllergyIntolerance;
  const other = allergiesIn(record).find((each) => each.id !== id && isSameAllergy(each.code, code));
  return other ? [{ text: `“${conceptText(other.code)}” is recorded already.`, at: "AllergyIntolerance.code" }] : [];
}

function metAllergy(resource: Resource, { record }: Known): readonly Finding[] {
  if (!isTaken(resource)) return [];
  return allergiesIn(record).flatMap((each) => {
    const how = meetingOf(each, resource, record);
    return how ? [{ text: `It meets the recorded allergy “${conceptText(each.code)}”: ${how}.`, at: `${resource.resourceType}.medication` }] : [];
  });
}

function metMedicine(resource: Resource, { record }: Known): readonly Finding[] {
  const [allergy] = allergiesIn([resource]);
  if (!allergy) return [];
  const met = record.filter(isTaken).flatMap((each) => {
    const how = meetingOf(allergy, each, record);
    const [name = "without a name"] = conceptsOf(each, record).map(conceptText).filter((text) => text !== "");
    return how ? [`The recorded medicine “${name}” meets it: ${how}.`] : [];
  });
  // A prescription and its statement are one medicine.
  return [...new Set(met)].map((text) => ({ text, at: "AllergyIntolerance.code" }));
}

function entriesBeforeBirth(resource: Resource, { record }: Known): readonly Finding[] {
  const { resourceType, birthDate: born } = resource as Patient;
  if (resourceType !== "Patient" || !born) return [];
  const early = record.filter((each) => each.resourceType !== "Condition").flatMap((each) => dated(each, [...DATES, ...ENDS])).filter(({ date }) => isBefore(date, born));
  const [first] = early.map(({ date }) => date).sort();
  return first === undefined ? [] : [{ text: `The record has entries before a birth on ${dateText(born)}, the first of ${dateText(first)}.`, at: "Patient.birthDate" }];
}

function deathBeforeBirth(resource: Resource): readonly Finding[] {
  if (resource.resourceType !== "Patient") return [];
  const { birthDate: born, deceasedDateTime: died } = resource as Patient;
  if (!born || !died || !isBefore(died, born)) return [];
  return [{ text: `The death on ${dateText(died)} is before the birth on ${dateText(born)}.`, at: "Patient.deceased", isImpossible: true }];
}

/** Statuses in which a medicine is taken, or going to be. */
const TAKEN = ["active", "intended", "on-hold", "draft"];

function isTaken(resource: Resource): resource is MedicationStatement | MedicationRequest {
  return ["MedicationStatement", "MedicationRequest"].includes(resource.resourceType) && TAKEN.includes((resource as MedicationStatement).status ?? "");
}

function meetingOf({ code, reaction = [] }: AllergyIntolerance, medicine: MedicationStatement | MedicationRequest, record: readonly Resource[]): string | null {
  return meeting([code ?? {}, ...reaction.map(({ substance }) => substance ?? {})], conceptsOf(medicine, record));
}

function conceptsOf(one: MedicationStatement | MedicationRequest, record: readonly Resource[]): readonly CodeableConcept[] {
  const { medicationCodeableConcept: concept, medicationReference: reference } = one;
  const path = `/${reference?.reference ?? ""}`;
  const contained = ((one["contained"] ?? []) as readonly Resource[]).find(({ id = "" }) => path === `/#${id}`);
  const named = contained ?? record.find(({ resourceType, id = "" }) => resourceType === "Medication" && path.endsWith(`/Medication/${id}`));
  const { code, ingredient = [] } = (named ?? {}) as Partial<Medication>;
  const { display } = reference ?? {};
  const ingredients = ingredient.map(({ itemCodeableConcept }) => itemCodeableConcept);
  return [concept, display === undefined ? undefined : { text: display }, code, ...ingredients].filter((each) => each !== undefined);
}

/** Returns the allergies among resources, as far as they hold. */
function allergiesIn(record: readonly Resource[]): readonly AllergyIntolerance[] {
  return record.filter((each): each is AllergyIntolerance => {
    const { resourceType, clinicalStatus, verificationStatus } = each as AllergyIntolerance;
    return resourceType === "AllergyIntolerance" && clinicalStatus === "active" && verificationStatus !== "refuted";
  });
}

function measuredIn(one: Observation): readonly { readonly measured: Measured; readonly path: string }[] {
  const components = (one.component ?? []).map((measured, at) => ({ measured, path: `Observation.component[${at}]` }));
  return [{ measured: one, path: "Observation" }, ...components];
}

function isSameCode(one: CodeableConcept | undefined, other: CodeableConcept | undefined): boolean {
  const codes = (other?.coding ?? []).map(({ system = "", code = "" }) => `${system}|${code}`);
  return (one?.coding ?? []).some(({ system = "", code = "" }) => codes.includes(`${system}|${code}`));
}

function has({ code }: Measured, codes: readonly string[]): boolean {
  return (code?.coding ?? []).some((each) => codes.includes(each.code ?? ""));
}

function dated(resource: Resource, paths: readonly string[]): readonly { readonly date: string; readonly path: string }[] {
  return paths.flatMap((path) => {
    const date = path.split(".").reduce<unknown>((value, name) => (value as Readonly<Record<string, unknown>> | undefined)?.[name], resource);
    return typeof date === "string" ? [{ date, path }] : [];
  });
}

/** Returns whether one date is before another, as far as both are exact. */
function isBefore(one: string, other: string): boolean {
  const length = Math.min(one.length, other.length, "2026-11-26".length);
  return one.slice(0, length) < other.slice(0, length);
}
