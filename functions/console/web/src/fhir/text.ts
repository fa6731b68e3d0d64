/** FHIR's datatypes in words: what a person reads for a value of each. */

import type {
  Address,
  CodeableConcept,
  Coding,
  ContactPoint,
  HumanName,
  Identifier,
  Quantity,
  Range,
  Reference,
} from "./datatypes.ts";
import { dateText, periodText } from "./dates.ts";

export const NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number";

/** Returns a concept as whoever recorded it put it: its text, else the first display, else the first code. */
export function conceptText(concept: CodeableConcept | undefined): string {
  const codings = concept?.coding ?? [];
  const named = codings.find((each) => each.display) ?? codings[0];
  return concept?.text ?? (named ? codingText(named) : "");
}

export function codingText(coding: Coding): string {
  return coding.display ?? coding.code ?? coding.system ?? "";
}

/** Units of UCUM's that are written otherwise than they are read. */
const UNITS: Readonly<Record<string, string>> = {
  "mm[Hg]": "mmHg",
  // A ratio has no unit.
  "1": "",
  Cel: "°C",
  "[degF]": "°F",
  "/min": "per minute",
  "kg/m2": "kg/m²",
  "umol/L": "µmol/L",
  "10*9/L": "×10⁹/L",
  "10*12/L": "×10¹²/L",
};

/** Returns a quantity's unit as it is read, empty if it has none. */
export function unitText(quantity: Quantity | undefined): string {
  // Printed as C as often as not, which is coulomb.
  const unit = quantity?.code === "Cel" ? "Cel" : (quantity?.unit ?? quantity?.code ?? "");
  return UNITS[unit] ?? unit;
}

/** Returns a quantity with its unit: `82.25 kg`, `< 5 mmol/L`, `97%`. */
export function quantityText(quantity: Quantity): string {
  const { value, comparator } = quantity;
  const unit = unitText(quantity);
  const parts = [comparator, value === undefined ? undefined : String(value), unit === "%" ? undefined : unit];
  return parts.filter((each) => each).join(" ") + (unit === "%" ? "%" : "");
}

/** Returns a range: `60 to 100 mmHg`, `below 5 mg`, `above 3 mg`. */
export function rangeText({ low, high }: Range): string {
  if (low && high) {
    return unitText(low) === unitText(high)
      ? `${low.value ?? "?"} to ${quantityText(high)}`
      : `${quantityText(low)} to ${quantityText(high)}`;
  }
  if (high) return `up to ${quantityText(high)}`;
  return low ? `from ${quantityText(low)}` : "";
}

/** Returns a name as one is addressed: `Mr Séamus O'Hanlon`. */
export function nameText(name: HumanName | undefined): string {
  if (!name) return "";
  const parts = [...(name.prefix ?? []), ...(name.given ?? []), name.family ?? "", ...(name.suffix ?? [])];
  return name.text ?? parts.filter((each) => each !== "").join(" ");
}

/** Returns a name as the NHS's patient banner has it: `O'HANLON, Séamus (Mr)`. */
export function bannerName(name: HumanName | undefined): string {
  if (!name) return "";
  if (!name.family) return nameText(name);
  const given = (name.given ?? []).join(" ");
  const prefix = (name.prefix ?? []).join(" ");
  return name.family.toLocaleUpperCase("en-GB") + (given && `, ${given}`) + (prefix && ` (${prefix})`);
}

/** Returns the name by which a person is to be called: the official one, else the usual one, else the first. */
export function chosenName(names: readonly HumanName[] | undefined): HumanName | undefined {
  return names?.find((each) => each.use === "official") ?? names?.find((each) => each.use === "usual") ?? names?.[0];
}

/** Returns an NHS number in groups of three, three and four; anything else as it is. */
export function nhsNumberText(value: string): string {
  return value.replace(/^(\d{3})(\d{3})(\d{4})$/, "$1 $2 $3");
}

/** Returns a person's NHS number, if one of the identifiers is. */
export function nhsNumberOf(identifiers: readonly Identifier[] | undefined): string | undefined {
  return identifiers?.find((each) => each.system === NHS_NUMBER && each.value !== undefined)?.value;
}

export function addressText(address: Address): string {
  const { line = [], city, district, state, postalCode, country } = address;
  return address.text ?? [...line, city, district, state, postalCode, country].filter((each) => each).join(", ");
}

export function contactText(contact: ContactPoint): string {
  const kind = [contact.use, contact.system].filter((each) => each).join(" ");
  return [contact.value ?? "", kind && `(${kind})`].filter((each) => each).join(" ");
}

export function identifierText(identifier: Identifier): string {
  const { system, value = "" } = identifier;
  return system === NHS_NUMBER ? nhsNumberText(value) : value;
}

export function referenceText(reference: Reference | undefined): string {
  return reference?.display ?? reference?.reference ?? (reference?.identifier ? identifierText(reference.identifier) : "");
}

/** A datatype by its members: those that it may have, and one of those that it must have. */
interface Shape {
  readonly may: readonly string[];
  readonly must: readonly string[];
  readonly text: (value: never) => string;
}

const CONTACTS = ["phone", "fax", "email", "pager", "url", "sms", "other"];

const SHAPES: readonly Shape[] = [
  { may: ["coding", "text"], must: ["coding", "text"], text: conceptText },
  { may: ["reference", "identifier", "display"], must: ["reference", "identifier"], text: referenceText },
  { may: ["start", "end"], must: ["start", "end"], text: periodText },
  { may: ["low", "high"], must: ["low", "high"], text: rangeText },
  { may: ["value", "comparator", "unit", "system", "code"], must: ["unit", "comparator", "code"], text: quantityText },
  { may: ["system", "version", "code", "display", "userSelected"], must: ["code", "display"], text: codingText },
  { may: ["use", "text", "family", "given", "prefix", "suffix", "period"], must: ["family", "given"], text: nameText },
  {
    may: ["use", "type", "text", "line", "city", "district", "state", "postalCode", "country", "period"],
    must: ["line", "city", "postalCode"],
    text: addressText,
  },
  { may: ["system", "value", "use", "rank", "period"], must: ["value"], text: contactOrIdentifierText },
  { may: ["system", "value", "use", "type", "period", "assigner"], must: ["value"], text: identifierText },
];

/** Returns a value of any datatype that is said in one line; null for one that is not, a backbone element for example. */
export function valueText(value: unknown): string | null {
  if (typeof value === "string") return dateText(value);
  if (typeof value === "number") return String(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const members = Object.keys(value).filter((each) => each !== "extension" && each !== "id" && !each.startsWith("_"));
  const shape = SHAPES.find(
    ({ may, must }) => members.every((each) => may.includes(each)) && must.some((each) => members.includes(each)),
  );
  return shape ? shape.text(value as never) : null;
}

function contactOrIdentifierText(value: ContactPoint & Identifier): string {
  return CONTACTS.includes(value.system ?? "") ? contactText(value) : identifierText(value);
}
