/** What a literal reference says (FHIR STU3 References §2.3.0.1). */

import { isNhsNumber } from "./nhs-number.ts";

export interface Place {
  readonly type: string;
  readonly id: string;
  readonly version?: string;
}

const LITERAL = /^([A-Z][A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/([A-Za-z0-9\-.]{1,64}))?$/;

/** Returns the type, id and version that a reference names, relative or below one of `bases`; null for any other. */
export function placeIn(reference: string | undefined, bases: readonly string[]): Place | null {
  if (reference === undefined) return null;
  const base = bases.find((each) => reference.startsWith(`${each}/`));
  const [, type, id, version] = LITERAL.exec(base ? reference.slice(base.length + 1) : reference) ?? [];
  if (!type || !id) return null;
  return version ? { type, id, version } : { type, id };
}

/** Returns the id of a patient that was typed, by itself or as a reference; null for anything else.
 *
 * An NHS number is none, though it has the form of one: ids stand in URLs.
 */
export function patientId(typed: string): string | null {
  const id = /^(?:Patient\/)?([A-Za-z0-9\-.]{1,64})$/.exec(typed.trim())?.[1] ?? null;
  return id === null || isNhsNumber(id) ? null : id;
}

/** Returns what to say of a text that is no patient's id. */
export function noIdText(typed: string): string {
  return isNhsNumber(typed.trim().replace(/^Patient\//, "")) ? "An NHS number is no id." : "This is no id.";
}
