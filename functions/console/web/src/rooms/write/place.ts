/** Where in this room one is, by the address.
 *
 * `#/write` begins, `#/write/for/4` too, for the patient who was chosen. `#/write/for/4/Observation` is a form if the type
 * has one, `#/write/for/4/Observation/editor` never. `#/write/new/Patient` is the form of a new patient.
 * `#/write/Location` is a new one about no patient, `#/write/Location/7` one to be changed, and `#/write/Bundle` several
 * requests in one.
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
const NEW = "new";
const EDITOR = "editor";

/** Returns where a path leads; `bound` is the patient that the token is bound to, if it is. */
export function writePlaceOf([first, ...rest]: readonly string[], bound: string | undefined): WritePlace {
  if (first === NEW) return { patient: null, type: rest[0], id: null, isForm: isFormType(rest[0]) };
  const [type, id = null, last] = first === FOR ? [rest[1], null, rest[2]] : [first, rest[0], undefined];
  const chosen = first === FOR ? rest[0] : bound;
  const isAbout = id === null && (type === undefined || needsPatient(type));
  return { patient: isAbout ? (chosen ?? null) : null, type, id, isForm: isAbout && isFormType(type) && last !== EDITOR };
}

/** Returns the path below `#/write` at which something is written about a patient: the beginning's without a type. */
export function pathToWriteAbout(patient: string, type?: string, isForm = true): readonly string[] {
  return [FOR, patient, ...(type === undefined ? [] : [type]), ...(isForm ? [] : [EDITOR])];
}

/** Returns the path below `#/write` of the form of a new resource; `patient` is empty for a new patient. */
export function pathOfForm(type: string, patient: string): readonly string[] {
  return patient === "" ? [NEW, type] : pathToWriteAbout(patient, type);
}

/** Returns the path below `#/write` of the editor at a new or stored resource. */
export function pathOfEditor({ type, id, patient }: Pick<WritePlace, "id" | "patient"> & { readonly type: string }): readonly string[] {
  if (id !== null) return [type, id];
  return patient === null ? [type] : pathToWriteAbout(patient, type, false);
}
