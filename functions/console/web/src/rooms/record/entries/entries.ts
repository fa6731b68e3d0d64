/** One line of a record for each of its resources: what, when, whether it still is, and what else is said of it. */

import type {
  AllergyIntolerance,
  Condition,
  Encounter,
  EpisodeOfCare,
  Goal,
  Immunization,
  MedicationRequest,
  MedicationStatement,
  Observation,
  Procedure,
} from "../../../fhir/clinical.ts";
import type { Resource } from "../../../fhir/datatypes.ts";
import { dateText, epochOf, periodText } from "../../../fhir/dates.ts";
import { conceptText } from "../../../fhir/text.ts";
import { type Doubt, doubtsAboutStored, type Known } from "../../../plausibility/doubts.ts";
import { IN_ERROR, isInError } from "../correction/in-error.ts";
import { flagsOf, flagText } from "../observations/flags.ts";
import { measuredText } from "../observations/measured-text.ts";
import { measurementName } from "../../../fhir/uk-terms.ts";
import type { Named } from "../names.ts";
import type { RecordType } from "../record-plan.ts";
import { dosages, medicationText } from "./medication.ts";

export interface Entry {
  readonly type: RecordType;
  readonly id: string;
  readonly title: string;
  /** What kind it is where a list holds several: `prescription`. */
  readonly kind: string;
  /** When, in words; empty if it is not recorded. */
  readonly when: string;
  /** For the order in time; NaN if it is not recorded. */
  readonly at: number;
  readonly status: string;
  /** Whether it holds now, as far as its status says. */
  readonly isCurrent: boolean;
  readonly isInError: boolean;
  /** What is hardly right about it, beside the rest of the record. */
  readonly doubts: readonly Doubt[];
  readonly facts: readonly string[];
  /** What has to catch the eye; empty for most. */
  readonly alert: string;
  readonly resource: Resource;
  /** The entries that this one puts together, if it does. */
  readonly parts?: readonly Entry[];
}

type Told = Omit<Entry, "type" | "id" | "resource" | "kind" | "alert" | "isInError" | "doubts" | "parts"> & { readonly alert?: string };

/** Returns a resource's entry; null for one that is not of a record. `known` is what it is compared with, if it is. */
export function entryOf(resource: Resource, named: Named, known?: Known): Entry | null {
  const type = resource.resourceType as RecordType;
  const teller = TELLERS[type] as Teller | undefined;
  if (!teller) return null;
  const told = teller.tell(resource as never, named);
  const { title } = told;
  return {
    alert: "",
    ...told,
    type,
    id: resource.id ?? "",
    kind: teller.kind,
    title: title === "" ? "Without a name" : title,
    facts: told.facts.filter((each) => each !== ""),
    isInError: isInError(resource),
    doubts: known && !isInError(resource) ? doubtsAboutStored(resource, known) : [],
    resource,
  };
}

/** Returns entries with the latest first, those without a time last. */
export function latestFirst(entries: readonly Entry[]): readonly Entry[] {
  const rank = (at: number) => (Number.isNaN(at) ? -Infinity : at);
  return [...entries].sort((one, other) => (rank(one.at) === rank(other.at) ? 0 : rank(other.at) - rank(one.at)));
}

interface Teller {
  readonly kind: string;
  readonly tell: (resource: never, named: Named) => Told;
}

const TELLERS: Readonly<Record<RecordType, Teller>> = {
  Condition: { kind: "problem", tell: condition },
  MedicationStatement: { kind: "statement", tell: medicationStatement },
  MedicationRequest: { kind: "prescription", tell: medicationRequest },
  AllergyIntolerance: { kind: "allergy", tell: allergy },
  Immunization: { kind: "immunisation", tell: immunization },
  Encounter: { kind: "encounter", tell: encounter },
  EpisodeOfCare: { kind: "episode of care", tell: episode },
  Procedure: { kind: "procedure", tell: procedure },
  Observation: { kind: "observation", tell: observation },
  Goal: { kind: "goal", tell: goal },
};

function condition(one: Condition): Told {
  const { clinicalStatus = "", verificationStatus = "" } = one;
  const onset = one.onsetDateTime ?? one.onsetPeriod?.start;
  const ended = one.abatementDateTime ? `ended ${dateText(one.abatementDateTime)}` : (one.abatementString ?? "");
  const began = onset ? `since ${dateText(onset)}` : (one.onsetString ?? "");
  return {
    title: conceptText(one.code),
    when: joined(began || recordedText(one.assertedDate), ended),
    at: epochOf(onset ?? one.assertedDate),
    status: joined(words(clinicalStatus), notSure(verificationStatus)),
    isCurrent: ["active", "recurrence", "relapse"].includes(clinicalStatus) && !["refuted", IN_ERROR].includes(verificationStatus),
    facts: [conceptText(one.severity), ...(one.bodySite ?? []).map(conceptText), ...notes(one.note)],
  };
}

function medicationStatement(one: MedicationStatement, named: Named): Told {
  const { status = "" } = one;
  const period = one.effectivePeriod ?? {};
  const from = one.effectiveDateTime ?? period.start;
  return {
    title: medicationText(one, named),
    when: periodText(period) || (from ? dateText(from) : recordedText(one.dateAsserted)),
    at: epochOf(from ?? period.end ?? one.dateAsserted),
    status: words(status),
    isCurrent: ["active", "intended", "on-hold"].includes(status),
    facts: [
      ...dosages(one.dosage),
      TAKEN[one.taken ?? ""] ?? "",
      ...(one.reasonNotTaken ?? []).map((each) => `reason: ${conceptText(each)}`),
      ...notes(one.note),
    ],
  };
}

const TAKEN: Readonly<Record<string, string>> = {
  n: "not taken by the patient",
  unk: "whether it is taken is not known",
  na: "",
};

function medicationRequest(one: MedicationRequest, named: Named): Told {
  const { status = "", intent = "" } = one;
  const repeats = one.dispenseRequest?.numberOfRepeatsAllowed;
  const valid = periodText(one.dispenseRequest?.validityPeriod ?? {});
  return {
    title: medicationText(one, named),
    when: one.authoredOn ? `written ${dateText(one.authoredOn)}` : "",
    at: epochOf(one.authoredOn),
    status: joined(words(status), intent === "order" ? "" : words(intent)),
    isCurrent: ["active", "on-hold"].includes(status),
    facts: [
      ...dosages(one.dosageInstruction),
      valid && `valid ${valid}`,
      repeats === undefined ? "" : `${repeats} ${repeats === 1 ? "repeat" : "repeats"} allowed`,
      ...notes(one.note),
    ],
  };
}

function allergy(one: AllergyIntolerance): Told {
  const { clinicalStatus = "", verificationStatus = "" } = one;
  const reactions = (one.reaction ?? []).map((each) => {
    const shown = (each.manifestation ?? []).map(conceptText).join(", ");
    return joined(shown || conceptText(each.substance), each.severity ?? "");
  });
  const since = one.onsetDateTime;
  return {
    title: conceptText(one.code),
    when: since ? `since ${dateText(since)}` : recordedText(one.assertedDate),
    at: epochOf(since ?? one.assertedDate),
    status: joined(words(clinicalStatus), notSure(verificationStatus)),
    isCurrent: clinicalStatus === "active" && !["refuted", IN_ERROR].includes(verificationStatus),
    alert: one.criticality === "high" ? "high criticality" : "",
    facts: [
      one.type === "intolerance" ? "intolerance" : "",
      one.criticality && one.criticality !== "high" ? criticalityText(one.criticality) : "",
      ...reactions.map((each) => each && `reaction: ${each}`),
      ...notes(one.note),
    ],
  };
}

function criticalityText(code: string): string {
  return code === "unable-to-assess" ? "criticality not known" : `${words(code)} criticality`;
}

const DATE_RECORDED = "Extension-CareConnect-DateRecorded-1";

function immunization(one: Immunization, named: Named): Told {
  const recorded = one.extension?.find((each) => each.url.endsWith(DATE_RECORDED))?.valueDateTime;
  const doses = (one.vaccinationProtocol ?? []).map((each) => (each.doseSequence ? `dose ${each.doseSequence}` : ""));
  return {
    title: conceptText(one.vaccineCode),
    when: one.date ? dateText(one.date) : recorded ? `recorded ${dateText(recorded)}, day not given` : "",
    at: epochOf(one.date ?? recorded),
    status: one.notGiven ? "not given" : words(one.status ?? ""),
    isCurrent: one.notGiven !== true && one.status === "completed",
    facts: [
      ...doses,
      ...(one.explanation?.reasonNotGiven ?? []).map(conceptText),
      one.lotNumber ? `lot ${one.lotNumber}` : "",
      named(one.location),
    ],
  };
}

function encounter(one: Encounter, named: Named): Told {
  const [type] = one.type ?? [];
  const kind = one.class?.display ?? one.class?.code ?? "";
  const name = conceptText(type);
  const places = (one.location ?? []).map((each) => named(each.location));
  return {
    title: name || kind || "Encounter",
    when: periodText(one.period ?? {}),
    at: epochOf(one.period?.start ?? one.period?.end),
    status: words(one.status ?? ""),
    isCurrent: ["in-progress", "arrived", "triaged", "onleave", "planned"].includes(one.status ?? ""),
    facts: [
      name ? kind : "",
      ...(one.reason ?? []).map((each) => `reason: ${conceptText(each)}`),
      ...(places.length ? places : [named(one.serviceProvider)]),
      ...(one.participant ?? []).map((each) => named(each.individual)),
    ],
  };
}

function episode(one: EpisodeOfCare, named: Named): Told {
  return {
    title: conceptText(one.type?.[0]) || "Episode of care",
    when: periodText(one.period ?? {}),
    at: epochOf(one.period?.start ?? one.period?.end),
    status: words(one.status ?? ""),
    isCurrent: ["active", "waitlist", "planned", "onhold"].includes(one.status ?? ""),
    facts: [named(one.managingOrganization), named(one.careManager)],
  };
}

function procedure(one: Procedure, named: Named): Told {
  const period = one.performedPeriod ?? {};
  const at = one.performedDateTime ?? period.start;
  return {
    title: conceptText(one.code),
    when: periodText(period) || (at ? dateText(at) : ""),
    at: epochOf(at),
    status: joined(words(one.status ?? ""), one.notDone ? "not done" : ""),
    isCurrent: one.status === "in-progress",
    facts: [
      conceptText(one.notDoneReason),
      ...(one.bodySite ?? []).map(conceptText),
      one.outcome ? `outcome: ${conceptText(one.outcome)}` : "",
      ...(one.performer ?? []).map((each) => named(each.actor)),
    ],
  };
}

/** The statuses of a goal that is neither reached nor given up. */
const PURSUED = ["proposed", "accepted", "planned", "in-progress", "on-target", "ahead-of-target", "behind-target", "sustaining", "on-hold"];

function goal(one: Goal): Told {
  const { status = "", startDate, target } = one;
  return {
    title: conceptText(one.description),
    when: joined(startDate ? `since ${dateText(startDate)}` : "", target?.dueDate ? `due ${dateText(target.dueDate)}` : ""),
    at: epochOf(startDate ?? target?.dueDate),
    status: words(status),
    isCurrent: PURSUED.includes(status),
    facts: [...(one.category ?? []).map(conceptText), one.statusReason ?? "", ...notes(one.note)],
  };
}

function observation(one: Observation): Told {
  const period = one.effectivePeriod ?? {};
  const at = one.effectiveDateTime ?? period.start;
  return {
    title: measurementName(one.code),
    when: periodText(period) || (at ? dateText(at) : one.issued ? `issued ${dateText(one.issued)}` : ""),
    at: epochOf(at ?? one.issued),
    status: one.status === "final" ? "" : words(one.status ?? ""),
    isCurrent: true,
    alert: flagText(flagsOf(one)),
    facts: [measuredText(one), one.comment ?? ""],
  };
}

/** A date of recording, which is not said as one of beginning. */
function recordedText(date: string | undefined): string {
  return date ? `recorded ${dateText(date)}` : "";
}

/** What is recorded and not confirmed is said; what is confirmed goes without saying. */
function notSure(verification: string): string {
  return verification === "confirmed" ? "" : words(verification);
}

function notes(list: readonly { readonly text?: string }[] = []): readonly string[] {
  return list.map((each) => each.text ?? "");
}

function words(code: string): string {
  return code.replaceAll("-", " ");
}

function joined(...parts: readonly string[]): string {
  return parts.filter((each) => each !== "").join(", ");
}

const NONE_KNOWN = ["160244002", "716186003"];

/** Returns whether an entry of an allergy says that none is known: SNOMED CT's codes for it, or words. */
export function saysNone(entry: Entry): boolean {
  const { code } = entry.resource as AllergyIntolerance;
  return (code?.coding ?? []).some((each) => NONE_KNOWN.includes(each.code ?? "")) || /^no known\b/i.test(entry.title);
}
