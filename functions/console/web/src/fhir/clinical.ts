/** The resources of a patient's record, as far as this page draws them (FHIR STU3, Care Connect's extensions). */

import type {
  Address,
  CodeableConcept,
  ContactPoint,
  HumanName,
  Identifier,
  Period,
  Quantity,
  Range,
  Reference,
  Resource,
} from "./datatypes.ts";

export interface Extension {
  readonly url: string;
  readonly valueCodeableConcept?: CodeableConcept;
  readonly valueDateTime?: string;
}

export interface IdentifierWithExtension extends Identifier {
  readonly extension?: readonly Extension[];
}

export interface Patient extends Resource {
  readonly identifier?: readonly IdentifierWithExtension[];
  readonly active?: boolean;
  readonly name?: readonly HumanName[];
  readonly telecom?: readonly ContactPoint[];
  readonly gender?: string;
  readonly birthDate?: string;
  readonly deceasedBoolean?: boolean;
  readonly deceasedDateTime?: string;
  readonly address?: readonly Address[];
  readonly generalPractitioner?: readonly Reference[];
  readonly managingOrganization?: Reference;
}

export interface Annotation {
  readonly text?: string;
}

export interface Condition extends Resource {
  readonly clinicalStatus?: string;
  readonly verificationStatus?: string;
  readonly severity?: CodeableConcept;
  readonly code?: CodeableConcept;
  readonly bodySite?: readonly CodeableConcept[];
  readonly onsetDateTime?: string;
  readonly onsetPeriod?: Period;
  readonly onsetString?: string;
  readonly abatementDateTime?: string;
  readonly abatementBoolean?: boolean;
  readonly abatementString?: string;
  readonly assertedDate?: string;
  readonly note?: readonly Annotation[];
}

export interface Dosage {
  readonly sequence?: number;
  readonly text?: string;
  readonly asNeededBoolean?: boolean;
  readonly asNeededCodeableConcept?: CodeableConcept;
  readonly route?: CodeableConcept;
  readonly doseQuantity?: Quantity;
  readonly doseRange?: Range;
}

export interface Medication extends Resource {
  readonly code?: CodeableConcept;
  readonly ingredient?: readonly { readonly itemCodeableConcept?: CodeableConcept }[];
}

interface OfMedication extends Resource {
  readonly status?: string;
  readonly medicationCodeableConcept?: CodeableConcept;
  readonly medicationReference?: Reference;
  readonly note?: readonly Annotation[];
}

export interface MedicationStatement extends OfMedication {
  readonly basedOn?: readonly Reference[];
  readonly reasonNotTaken?: readonly CodeableConcept[];
  readonly effectiveDateTime?: string;
  readonly effectivePeriod?: Period;
  readonly dateAsserted?: string;
  readonly taken?: string;
  readonly dosage?: readonly Dosage[];
}

export interface MedicationRequest extends OfMedication {
  readonly intent?: string;
  readonly authoredOn?: string;
  readonly dosageInstruction?: readonly Dosage[];
  readonly dispenseRequest?: { readonly validityPeriod?: Period; readonly numberOfRepeatsAllowed?: number };
}

export interface AllergyIntolerance extends Resource {
  readonly clinicalStatus?: string;
  readonly verificationStatus?: string;
  readonly type?: string;
  readonly criticality?: string;
  readonly code?: CodeableConcept;
  readonly onsetDateTime?: string;
  readonly assertedDate?: string;
  readonly reaction?: readonly {
    readonly substance?: CodeableConcept;
    readonly manifestation?: readonly CodeableConcept[];
    readonly severity?: string;
  }[];
  readonly note?: readonly Annotation[];
}

export interface Immunization extends Resource {
  readonly extension?: readonly Extension[];
  readonly status?: string;
  readonly notGiven?: boolean;
  readonly vaccineCode?: CodeableConcept;
  readonly date?: string;
  readonly lotNumber?: string;
  readonly location?: Reference;
  readonly explanation?: { readonly reasonNotGiven?: readonly CodeableConcept[] };
  readonly vaccinationProtocol?: readonly { readonly doseSequence?: number; readonly series?: string }[];
  readonly note?: readonly Annotation[];
}

export interface Encounter extends Resource {
  readonly status?: string;
  readonly class?: { readonly code?: string; readonly display?: string };
  readonly type?: readonly CodeableConcept[];
  readonly period?: Period;
  readonly reason?: readonly CodeableConcept[];
  readonly participant?: readonly { readonly individual?: Reference }[];
  readonly location?: readonly { readonly location?: Reference }[];
  readonly serviceProvider?: Reference;
}

export interface EpisodeOfCare extends Resource {
  readonly status?: string;
  readonly type?: readonly CodeableConcept[];
  readonly period?: Period;
  readonly managingOrganization?: Reference;
  readonly careManager?: Reference;
}

export interface Procedure extends Resource {
  readonly status?: string;
  readonly notDone?: boolean;
  readonly notDoneReason?: CodeableConcept;
  readonly code?: CodeableConcept;
  readonly bodySite?: readonly CodeableConcept[];
  readonly performedDateTime?: string;
  readonly performedPeriod?: Period;
  readonly performer?: readonly { readonly actor?: Reference }[];
  readonly outcome?: CodeableConcept;
  readonly note?: readonly Annotation[];
}

export interface Goal extends Resource {
  readonly status?: string;
  readonly category?: readonly CodeableConcept[];
  readonly description?: CodeableConcept;
  readonly startDate?: string;
  readonly target?: { readonly dueDate?: string };
  readonly statusReason?: string;
  readonly note?: readonly Annotation[];
}

export interface ReferenceRange extends Range {
  readonly type?: CodeableConcept;
  readonly text?: string;
}

/** What an Observation and each of its components have. */
export interface Measured {
  readonly code?: CodeableConcept;
  readonly valueQuantity?: Quantity;
  readonly valueCodeableConcept?: CodeableConcept;
  readonly valueString?: string;
  readonly valueBoolean?: boolean;
  readonly valueRange?: Range;
  readonly valueDateTime?: string;
  readonly valuePeriod?: Period;
  readonly dataAbsentReason?: CodeableConcept;
  readonly interpretation?: CodeableConcept;
  readonly referenceRange?: readonly ReferenceRange[];
}

export interface Observation extends Resource, Measured {
  readonly status?: string;
  readonly effectiveDateTime?: string;
  readonly effectivePeriod?: Period;
  readonly issued?: string;
  readonly comment?: string;
  readonly component?: readonly Measured[];
}
