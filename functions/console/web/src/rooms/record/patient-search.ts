/** What a person types to find a patient, as the searches that it means. */

import { NHS_NUMBER } from "../../fhir/text.ts";

/** Returns the queries that find who is meant: by NHS number, by id, or by name; none for nothing. */
export function patientQueries(typed: string, count: number): readonly string[] {
  const text = typed.trim();
  const id = /^(?:Patient\/)?([A-Za-z0-9\-.]{1,64})$/.exec(text)?.[1];
  const digits = text.replaceAll(/[\s-]/g, "");
  if (/^\d{10}$/.test(digits)) {
    const byNumber = `Patient?identifier=${encodeURIComponent(`${NHS_NUMBER}|${digits}`)}&_count=${count}`;
    return id ? [byNumber, `Patient?_id=${id}`] : [byNumber];
  }
  if (id && (/\d/.test(id) || text.startsWith("Patient/"))) return [`Patient?_id=${id}`];
  // A comma would mean or, and the banner's own form has one; the title in its brackets is a part of the name too.
  const name = text.replaceAll(/[\\,|$()]+/g, " ").trim().replaceAll(/\s+/g, " ");
  return name ? [`Patient?name=${encodeURIComponent(name)}&_sort=family&_count=${count}`] : [];
}

/** Returns the id that was typed, where a token may read a patient and not search for one. */
export function patientId(typed: string): string | null {
  return /^(?:Patient\/)?([A-Za-z0-9\-.]{1,64})$/.exec(typed.trim())?.[1] ?? null;
}
