/** The value of an observation in words, with those of its components. */

import type { Measured, Observation, ReferenceRange } from "../../../fhir/clinical.ts";
import type { CodeableConcept } from "../../../fhir/datatypes.ts";
import { conceptText, rangeText, unitText, valueText } from "../../../fhir/text.ts";
import { DIASTOLIC, SYSTOLIC } from "../../../plausibility/vital-signs.ts";
import { measurementName, ukQuantityText, ukRangeText } from "../../../fhir/uk-terms.ts";

/** Returns an observation's value: `82.25 kg`, `134/82 mmHg`, `Ex-smoker`, or why there is none. */
export function measuredText(one: Observation): string {
  const own = ownValue(one);
  const components = one.component ?? [];
  if (!components.length) return own || absence(one);
  return [own, pressureText(components) || components.map(componentText).join(", ")].filter((each) => each !== "").join("; ");
}

/** Returns what an observation, or a component, says by itself; empty if it says nothing. */
export function ownValue(one: Measured): string {
  if (one.valueQuantity) return ukQuantityText(one.code, one.valueQuantity);
  if (one.valueCodeableConcept) return conceptText(one.valueCodeableConcept);
  if (one.valueRange) return rangeText(one.valueRange);
  if (one.valueString !== undefined) return one.valueString;
  return valueText(one.valueBoolean ?? one.valueDateTime ?? one.valuePeriod) ?? "";
}

function absence(one: Measured): string {
  const reason = conceptText(one.dataAbsentReason);
  return reason ? `no value: ${reason}` : "no value";
}

function componentText(one: Measured): string {
  return `${measurementName(one.code)} ${ownValue(one) || absence(one)}`;
}

/** Returns a blood pressure as it is spoken, empty if the components are none. */
export function pressureText(components: readonly Measured[]): string {
  const [systolic, diastolic] = [SYSTOLIC, DIASTOLIC].map(
    (codes) => components.find((each) => each.code?.coding?.some((one) => codes.includes(one.code ?? "")))?.valueQuantity,
  );
  if (components.length !== 2 || systolic?.value === undefined || diastolic?.value === undefined) return "";
  return `${systolic.value}/${diastolic.value} ${unitText(systolic)}`;
}

/** Returns a reference range of what `code` measures in words, with what it is a range for. */
export function referenceRangeText(range: ReferenceRange, code?: CodeableConcept): string {
  const kind = conceptText(range.type);
  const text = range.text ?? ukRangeText(code, range);
  return kind && !/^normal( range)?$/i.test(kind) ? `${text} (${kind})` : text;
}
