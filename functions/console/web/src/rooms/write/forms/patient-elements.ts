/** What is typed of a patient, to correct one and to add one: names, birth, gender, NHS number, death, addresses, contacts (FHIR STU3 Patient). */

import type { Extension, IdentifierWithExtension, Patient } from "../../../fhir/clinical.ts";
import type { Address, ContactPoint, HumanName } from "../../../fhir/datatypes.ts";
import { type JsonEdit, LAST } from "../../../fhir/json-edits.ts";
import { chosenName, NHS_NUMBER, nhsNumberText } from "../../../fhir/text.ts";
import { choiceAt, type Correctable, dateAt, expressionAt, nameAt, onlyIf, rarely, recordedHint, textAt, withEdits } from "./elements.ts";
import type { Field, Values } from "./form.ts";

const TYPE = "Patient";

/** Returns what can be typed of a patient: what is recorded, and what most have. */
export function patientElements(patient: Patient): readonly Correctable[] {
  const { name: names = [], address: addresses = [], telecom = [], gender, birthDate } = patient;
  const chosen = chosenName(names);
  const others = names.filter((each) => each !== chosen && !isSameName(each, chosen));
  return [
    nameParts(names, chosen, ""),
    nhsNumberAt(patient),
    withEdits(dateAt({ type: TYPE, path: ["birthDate"], label: "Date of birth" }, birthDate), () => [{ path: ["_birthDate"], value: undefined }]),
    choiceAt({ type: TYPE, path: ["gender"], label: "Gender" }, gender, GENDERS),
    ...(addresses.length ? addresses.map((each, at) => addressAt(each, at, addresses.length > 1)) : [addressAt(undefined, LAST, false)]),
    ...telecom.map((each, at) => textAt({ type: TYPE, path: ["telecom", at, "value"], label: contactLabel(each), goes: ["telecom", at] }, each.value)),
    ...CONTACTS.filter(({ system }) => !telecom.some((each) => each.system === system)).map(newContact),
    ...deathOf(patient),
    ...rarely(others.map((each) => nameParts(names, each, each.use ? ` (${each.use})` : " (other)"))),
  ];
}

const GENDERS = [["female", "Female"], ["male", "Male"], ["other", "Other"], ["unknown", "Unknown"]] as const;
const CONTACTS: readonly (ContactPoint & { readonly system: string })[] = [{ system: "phone" }, { system: "email" }];

/** One text of a list's entry: of a name or an address. */
interface Part {
  readonly member: string;
  readonly label: string;
  readonly recorded: string;
  readonly isRequired?: boolean;
  readonly isRare?: boolean;
  /** Returns what is stored for what was typed; the text itself without it. */
  readonly stored?: (typed: string) => unknown;
}

/** An entry of several texts. It goes if all are emptied; one that was not there comes with what is typed. */
function partsAt(list: string, at: number, parts: readonly Part[], base: object = {}): Correctable {
  const pathOf = ({ member }: Part) => [list, at === LAST ? 0 : at, member];
  const typedIn = (values: Values, part: Part) => values[nameAt(pathOf(part))]?.trim() ?? "";
  const valueIn = (values: Values, part: Part) => {
    const { stored = (typed: string) => typed } = part;
    return typedIn(values, part) ? stored(typedIn(values, part)) : undefined;
  };
  const fieldOf = (part: Part): Field => ({
    name: nameAt(pathOf(part)),
    label: part.label,
    kind: "text",
    isRequired: part.isRequired === true,
    ...(part.isRare && { isRare: true }),
    hint: recordedHint(part.recorded),
    at: [expressionAt(TYPE, pathOf(part))],
  });
  return {
    fields: () => parts.map(fieldOf),
    begin: Object.fromEntries(parts.map((each) => [nameAt(pathOf(each)), each.recorded])),
    edits: (values) => {
      if (parts.every((each) => !typedIn(values, each))) return at === LAST ? [] : [{ path: [list, at], value: undefined }];
      if (at === LAST) {
        const made = Object.fromEntries(parts.map((each) => [each.member, valueIn(values, each)]));
        return [{ path: [list, LAST], value: { ...base, ...made } }];
      }
      const changed = parts.filter((each) => typedIn(values, each) !== each.recorded.trim());
      // Said in one piece, it would say what was there before.
      return [{ path: [list, at, "text"], value: undefined }, ...changed.map((each) => ({ path: pathOf(each), value: valueIn(values, each) }))];
    },
  };
}

/** A name's parts; whichever other names say the same are corrected with it: an official one is a usual one as well, as a rule. */
function nameParts(names: readonly HumanName[], name: HumanName | undefined, suffix: string): Correctable {
  const at = name ? names.indexOf(name) : LAST;
  const { family = "", given = [], prefix = [], text = "" } = name ?? {};
  const words = (typed: string) => typed.split(/\s+/);
  const isText = name !== undefined && family === "" && given.length === 0;
  const parts: readonly Part[] = isText ? [{ member: "text", label: `Name${suffix}`, recorded: text, isRequired: true }] : [
    { member: "family", label: `Family name${suffix}`, recorded: family, isRequired: name === undefined || family !== "" },
    { member: "given", label: `First names${suffix}`, recorded: given.join(" "), stored: words },
    { member: "prefix", label: `Title${suffix}`, recorded: prefix.join(" "), stored: words },
  ];
  const own = partsAt("name", at, parts, { use: "official" });
  const alike = names.flatMap((each, place) => (each !== name && isSameName(each, name) ? [place] : []));
  return { ...own, edits: (values) => [at, ...alike].flatMap((place) => own.edits(values).map((edit) => atPlace(edit, place))) };
}

function atPlace({ path: [list = "", , ...rest], value }: JsonEdit, place: number): JsonEdit {
  return { path: [list, place, ...rest], value };
}

function isSameName(one: HumanName, other: HumanName | undefined): boolean {
  const said = (name: HumanName | undefined) => JSON.stringify([name?.family, name?.given, name?.prefix, name?.text]);
  return said(one) === said(other);
}

function addressAt(address: Address | undefined, at: number, isOneOfSeveral: boolean): Correctable {
  const { use = "home", text = "", line = [], city = "", district = "", state = "", postalCode = "", country = "" } = address ?? {};
  const suffix = isOneOfSeveral ? ` (${use})` : "";
  if (text) return partsAt("address", at, [{ member: "text", label: `Address${suffix}`, recorded: text }]);
  const lines = (typed: string) => typed.split(",").map((each) => each.trim()).filter((each) => each !== "");
  return partsAt("address", at, [
    { member: "line", label: `Address${suffix}`, recorded: line.join(", "), stored: lines },
    { member: "city", label: `Town${suffix}`, recorded: city },
    ...(address && !district ? [] : [{ member: "district", label: `County${suffix}`, recorded: district }]),
    ...(state ? [{ member: "state", label: `Nation or state${suffix}`, recorded: state, isRare: true }] : []),
    { member: "postalCode", label: `Postcode${suffix}`, recorded: postalCode },
    ...(country ? [{ member: "country", label: `Country${suffix}`, recorded: country, isRare: true }] : []),
  ], { use });
}

function contactLabel({ system = "", use }: ContactPoint): string {
  const kind = system === "email" ? "E-mail" : system.replace(/^./, (first) => first.toUpperCase()) || "Contact";
  return use ? `${kind} (${use})` : kind;
}

function newContact(contact: ContactPoint & { readonly system: string }): Correctable {
  const name = `new-${contact.system}`;
  return {
    fields: () => [{ name, label: contactLabel(contact), kind: "text", hint: recordedHint(""), at: ["Patient.telecom"] }],
    begin: { [name]: "" },
    edits: (values) => [{ path: ["telecom", LAST], value: { system: contact.system, value: values[name]?.trim() } }],
  };
}

const VERIFICATION = "https://fhir.hl7.org.uk/STU3/StructureDefinition/Extension-CareConnect-NHSNumberVerificationStatus-1";
/** What is known of a number that was typed: the former one's verification is not its own. */
const NOT_TRACED: Extension = {
  url: VERIFICATION,
  valueCodeableConcept: {
    coding: [{
      system: "https://fhir.hl7.org.uk/STU3/CodeSystem/CareConnect-NHSNumberVerificationStatus-1",
      code: "02",
      display: "Number present but not traced",
    }],
  },
};

function nhsNumberAt({ identifier: identifiers = [] }: Patient): Correctable {
  const name = "nhs-number";
  const at = identifiers.findIndex(({ system, value }) => system === NHS_NUMBER && value !== undefined);
  const one: IdentifierWithExtension = identifiers[at] ?? {};
  const recorded = nhsNumberText(one.value ?? "");
  const others = (one.extension ?? []).filter(({ url }) => url !== VERIFICATION);
  const place = at < 0 ? "Patient.identifier" : `Patient.identifier[${at}]`;
  return {
    fields: () => [{ name, label: "NHS number", kind: "nhs-number", hint: recordedHint(recorded), at: [place] }],
    begin: { [name]: recorded },
    edits: (values) => {
      const digits = values[name]?.replaceAll(/\D/g, "");
      if (!digits) return at < 0 ? [] : [{ path: ["identifier", at], value: undefined }];
      const value = { ...one, extension: [...others, NOT_TRACED], system: NHS_NUMBER, value: digits };
      return [{ path: ["identifier", at < 0 ? LAST : at], value }];
    },
  };
}

/** Whether and when somebody died: of the two elements that say so there is room for one (deceased[x]). */
function deathOf({ deceasedBoolean, deceasedDateTime }: Patient): readonly Correctable[] {
  const isDead = deceasedDateTime !== undefined || deceasedBoolean === true;
  const name = "deceased";
  const when = dateAt({ type: TYPE, path: ["deceasedDateTime"], label: "Died on" }, deceasedDateTime);
  const says = (values: Values) => values[name] === "yes";
  const edits = (values: Values): readonly JsonEdit[] => {
    const day = says(values) && values["deceasedDateTime"];
    return [
      { path: ["deceasedBoolean"], value: says(values) && !day ? true : undefined },
      ...(day ? when.edits(values) : [{ path: ["deceasedDateTime"], value: undefined }]),
    ];
  };
  const field: Field = {
    name, label: "Died", kind: "choice", choices: [["", "No"], ["yes", "Yes"]],
    hint: recordedHint(isDead ? "Yes" : ""), at: ["Patient.deceased", "Patient.deceasedBoolean"],
  };
  return [{ fields: () => [field], begin: { [name]: isDead ? "yes" : "" }, edits }, { ...onlyIf(says, when), edits }];
}
