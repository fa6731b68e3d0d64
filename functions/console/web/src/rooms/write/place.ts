/** Where in this room one is, by the address.
 *
 * `#/write` begins, `#/write/for/4` too, for the patient who was chosen. `#/write/for/4/Observation` is a form if the type
 * has one, `#/write/for/4/Observation/editor` never. `#/write/Location` is a new one about no patient,
 * `#/write/Location/7` one to be changed, and `#/write/Bundle` several requests in one.
 */

import { isFormType } from "./forms/titles.ts";
import { needsPatient } from "./starters.ts";

export interface WritePlace {
  /** The id of the patient who was chosen: by the address, or since the token is bound to that one; null for none. */
  readonly patient: string | null;
  readonly type: string | undefined;
  readonly id: string | null;
  readonly isForm: boolean;
}

/** The type at whose place a Bundle is sent, which is not stored itself. */
export const BUNDLE = "Bundle";
const FOR = "for";
const EDITOR = "editor";

/** Returns where a path leads; `bound` is the patient that the token is bound to, if it is. */
export function writePlaceOf([first, ...rest]: readonly string[], bound: string | undefined): WritePlace {
  const [type, id = null, last] = first === FOR ? [rest[1], null, rest[2]] : [first, rest[0], undefined];
  const chosen = first === FOR ? rest[0] : bound;
  const isAbout = id === null && (type === undefined || needsPatient(type));
  return { patient: isAbout ? (chosen ?? null) : null, type, id, isForm: isAbout && isFormType(type) && last !== EDITOR };
}

/** Returns the path below `#/write` at which something is written about a patient: the beginning's without a type. */
export function pathToWriteAbout(patient: string, type?: string, isForm = true): readonly string[] {
  return [FOR, patient, ...(type === undefined ? [] : [type]), ...(isForm ? [] : [EDITOR])];
}

/** Returns the path below `#/write` of the editor at a new or stored resource. */
export function pathOfEditor({ type, id, patient }: Pick<WritePlace, "id" | "patient"> & { readonly type: string }): readonly string[] {
  if (id !== null) return [type, id];
  return patient === null ? [type] : pathToWriteAbout(patient, type, false);
}
