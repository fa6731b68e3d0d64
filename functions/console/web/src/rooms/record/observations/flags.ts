/** Whether a measured value is out of its range: as the laboratory said it, else by the reference range. */

import type { Measured, Observation, ReferenceRange } from "../../../fhir/clinical.ts";
import type { Quantity } from "../../../fhir/datatypes.ts";
import { measurementName } from "../../../fhir/uk-terms.ts";

export type Flag = "high" | "low" | "abnormal";

export interface Flagged {
  /** The component that is flagged; empty for the observation's own value. */
  readonly of: string;
  readonly flag: Flag;
}

/** Codes of HL7's table 0078; `N` says that nothing is wrong. */
const INTERPRETATIONS: Readonly<Record<string, Flag | null>> = {
  H: "high", HH: "high", HU: "high", ">": "high",
  L: "low", LL: "low", LU: "low", "<": "low",
  A: "abnormal", AA: "abnormal",
  N: null,
};

/** Returns the flags of an observation and its components. */
export function flagsOf(one: Observation): readonly Flagged[] {
  const parts = [
    { of: "", flag: flagOf(one) },
    ...(one.component ?? []).map((each) => ({ of: measurementName(each.code), flag: flagOf(each) })),
  ];
  return parts.filter((each): each is Flagged => each.flag !== null);
}

/** Returns how flags are said: `high`, `Systolic high, Diastolic low`. */
export function flagText(flags: readonly Flagged[]): string {
  return flags.map(({ of, flag }) => (of ? `${of} ${flag}` : flag)).join(", ");
}

/** Returns whether an interpretation is one that a flag says. */
export function isInterpreted({ interpretation }: Measured): boolean {
  return (interpretation?.coding ?? []).some((each) => each.code !== undefined && each.code in INTERPRETATIONS);
}

function flagOf(one: Measured): Flag | null {
  const code = one.interpretation?.coding?.find((each) => each.code !== undefined && each.code in INTERPRETATIONS)?.code;
  if (code !== undefined) return INTERPRETATIONS[code] ?? null;
  const { valueQuantity: quantity } = one;
  const range = quantity && limitedRange(one);
  if (!range || quantity.value === undefined) return null;
  const { value, comparator = "" } = quantity;
  // Of `< 5` it is known that it is low where 5 is, and never that it is high.
  if (range.high?.value !== undefined && value > range.high.value && !comparator.startsWith("<")) return "high";
  if (range.low?.value !== undefined && value < range.low.value && !comparator.startsWith(">")) return "low";
  return null;
}

/** Returns the first reference range with a limit in the value's own unit. */
export function limitedRange(one: Measured): ReferenceRange | undefined {
  const unit = unitKey(one.valueQuantity);
  return (one.referenceRange ?? []).find((each) => {
    const limits = [each.low, each.high].filter((limit) => limit?.value !== undefined);
    return limits.length > 0 && limits.every((limit) => unitKey(limit) === unit || unitKey(limit) === "");
  });
}

/** Returns the unit by which quantities are compared. */
export function unitKey(quantity: Quantity | undefined): string {
  return quantity?.code ?? quantity?.unit ?? "";
}
