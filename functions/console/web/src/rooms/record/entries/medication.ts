/** A medicine's name and its doses in words, of prescriptions and statements alike. */

import type { Dosage, Medication, MedicationRequest, MedicationStatement } from "../../../fhir/clinical.ts";
import type { Resource } from "../../../fhir/datatypes.ts";
import { conceptText, quantityText, rangeText } from "../../../fhir/text.ts";
import type { Named } from "../names.ts";

/** Returns the Medication that a resource contains and refers to, and its place in the list; null if it is elsewhere. */
export function containedMedicine(one: MedicationStatement | MedicationRequest): { readonly medication: Medication; readonly at: number } | null {
  const { reference = "" } = one.medicationReference ?? {};
  if (!reference.startsWith("#")) return null;
  const contained = (one["contained"] ?? []) as readonly Resource[];
  const at = contained.findIndex(({ resourceType, id = "" }) => resourceType === "Medication" && `#${id}` === reference);
  return at < 0 ? null : { medication: contained[at] as Medication, at };
}

/** Returns what a medicine is called. */
export function medicationText(one: MedicationStatement | MedicationRequest, named: Named): string {
  const { display } = one.medicationReference ?? {};
  const contained = containedMedicine(one)?.medication.code;
  return conceptText(one.medicationCodeableConcept) || (display ?? conceptText(contained)) || named(one.medicationReference);
}

/** Returns how each dose is to be taken: as it was written, else from its parts. */
export function dosages(list: readonly Dosage[] = []): readonly string[] {
  return list.map((each) => {
    const dose = each.doseQuantity ? quantityText(each.doseQuantity) : each.doseRange ? rangeText(each.doseRange) : "";
    const text = each.text ?? joined(dose, conceptText(each.route));
    const isAsNeeded = each.asNeededBoolean === true || each.asNeededCodeableConcept !== undefined;
    const reason = conceptText(each.asNeededCodeableConcept);
    return joined(text, isAsNeeded && !/as needed/i.test(text) ? `as needed${reason && ` for ${reason}`}` : "");
  });
}

function joined(...parts: readonly string[]): string {
  return parts.filter((each) => each !== "").join(", ");
}
