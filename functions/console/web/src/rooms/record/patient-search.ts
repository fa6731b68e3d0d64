/** Finding patients: what a person types as the searches that it means, and what is found in the order of the names shown. */

import type { Patient } from "../../fhir/clinical.ts";
import { patientId } from "../../fhir/reference-place.ts";
import { chosenName, NHS_NUMBER } from "../../fhir/text.ts";
import { isoDay } from "../../fhir/typed-dates.ts";
import { patientName } from "./patient-summary.ts";

/** Returns the queries that find a patient by NHS number, date of birth, id or name; none for nothing. */
export function patientQueries(typed: string, count: number): readonly string[] {
  const text = typed.trim();
  const id = patientId(text);
  const digits = text.replace(/^Patient\//, "").replaceAll(/[\s-]/g, "");
  if (/^\d{10}$/.test(digits)) {
    const byNumber = `Patient?identifier=${encodeURIComponent(`${NHS_NUMBER}|${digits}`)}&_count=${count}`;
    return id ? [byNumber, `Patient?_id=${id}`] : [byNumber];
  }
  const born = isoDay(text);
  if (born) return [`Patient?birthdate=${born}&_sort=family&_count=${count}`];
  if (id && (/\d/.test(id) || text.startsWith("Patient/"))) return [`Patient?_id=${id}`];
  // A comma would mean or, and the banner's own form has one; the title in its brackets is a part of the name too.
  const name = text.replaceAll(/[\\,|$()]+/g, " ").trim().replaceAll(/\s+/g, " ");
  return name ? [`Patient?name=${encodeURIComponent(name)}&_sort=family&_count=${count}`] : [];
}

const BY_NAME = new Intl.Collator("en-GB", { sensitivity: "base" });

/** Returns patients in the order of the names that are shown. The server's goes by any name, a maiden name too. */
export function byShownName(patients: readonly Patient[]): readonly Patient[] {
  return patients.toSorted((one, other) => BY_NAME.compare(patientName(one), patientName(other)));
}

/** Returns the family names of a patient that are not shown, each with its use: a maiden name by which one was found. */
export function otherFamilyNames({ name: names = [] }: Patient): readonly string[] {
  const shown = chosenName(names)?.family;
  const others = names.filter(({ family }) => family !== undefined && family !== shown);
  return [...new Set(others.map(({ family = "", use }) => (use ? `${family} (${use})` : family)))];
}
