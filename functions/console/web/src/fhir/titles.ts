/** What a resource is called: by its name, or by what it is about. */

import type { CodeableConcept, HumanName, Resource } from "./datatypes.ts";
import { chosenName, nameText, valueText } from "./text.ts";
import { measurementName } from "./uk-terms.ts";

/** The elements by which a resource is called, the best first. */
const TELLING = ["name", "code", "vaccineCode", "medicationCodeableConcept", "medicationReference", "type", "class", "practitioner"];

/** Returns a resource's title for a person, empty if nothing in it is one. */
export function titleOf(resource: Resource): string {
  if (resource.resourceType === "Observation") return measurementName(resource["code"] as CodeableConcept | undefined);
  for (const element of TELLING) {
    const value = resource[element];
    const text = element === "name" && Array.isArray(value) ? nameText(chosenName(value as HumanName[])) : textOf(value);
    if (text) return text;
  }
  return "";
}

function textOf(value: unknown): string {
  const [first] = Array.isArray(value) ? (value as readonly unknown[]) : [value];
  return valueText(first) ?? "";
}
