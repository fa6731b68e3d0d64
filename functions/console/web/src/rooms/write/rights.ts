/** What a token may write, type by type, and what it lacks: the server's own rules, told before it has to refuse. */

import { grantsOf, type Letter, scopeFor, type ServedType } from "../../oauth/grants.ts";

export interface Rights {
  readonly type: ServedType;
  readonly mayRead: boolean;
  readonly mayCreate: boolean;
  readonly mayUpdate: boolean;
  readonly mayDelete: boolean;
  /** The scope that reading it takes. */
  readonly readScope: string;
  /** Why something of it is closed, as a sentence; empty if nothing is. */
  readonly closed: string;
}

const DOES: readonly (readonly [Letter, string])[] = [
  ["c", "creating"],
  ["u", "changing"],
  ["d", "deleting"],
];

/** Returns what a token with a scope may write of each type; `patient` is the one that it is bound to, if it is. */
export function rightsOf(scope: string, patient: string | undefined): readonly Rights[] {
  return grantsOf(scope, patient)
    .filter(({ type }) => type.writable)
    .map(({ type, letters }) => {
      // Bound to one patient, a token writes in that record alone, and creates or deletes no patient (`write.md`).
      const isOutside = patient !== undefined && !type.inCompartment;
      const isPatient = patient !== undefined && type.name === "Patient";
      const has = (letter: Letter) => letters.has(letter) && !isOutside && !(isPatient && letter !== "u");
      const missing = DOES.filter(([letter]) => !letters.has(letter));
      return {
        type,
        mayRead: letters.has("r"),
        readScope: scopeFor(scope, type.name, "r", patient),
        mayCreate: has("c"),
        mayUpdate: has("u"),
        mayDelete: has("d"),
        closed: reason((access) => scopeFor(scope, type.name, access, patient), missing, isOutside, isPatient),
      };
    });
}

function reason(
  takes: (access: string) => string,
  missing: readonly (readonly [Letter, string])[],
  isOutside: boolean,
  isPatient: boolean,
): string {
  if (isOutside) return "It is no part of the one patient's record that the token is bound to.";
  if (missing.length === DOES.length) return `Writing takes a scope such as ${takes("write")}.`;
  const parts = missing.map(([letter, word]) => `${word} takes ${takes(letter)}`);
  if (isPatient) parts.unshift("creating and deleting a patient is closed to a token that is bound to one");
  return parts.length ? `${parts.join(", ").replace(/^./, (first) => first.toUpperCase())}.` : "";
}
