/** What a token may write, type by type, and what it lacks: the server's own rules, told before it has to refuse. */

import { type Grant, grantsOf, type Letter, limitLines, scopeFor, type ServedType } from "../../oauth/grants.ts";

export interface Rights {
  readonly type: ServedType;
  readonly mayRead: boolean;
  /** Whether it can be created on condition that none has its identifier (`write.md`, Conditions). */
  readonly mayCreateOnce: boolean;
  readonly mayCreate: boolean;
  readonly mayUpdate: boolean;
  readonly mayDelete: boolean;
  /** The scope that reading it takes. */
  readonly readScope: string;
  /** The scope that creating it takes. */
  readonly createScope: string;
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
    .map((grant) => {
      const { type, letters, limits } = grant;
      // Bound to one patient, a token writes in that record alone, and creates or deletes no patient (`write.md`).
      const isOutside = patient !== undefined && !type.inCompartment;
      const isPatient = patient !== undefined && type.name === "Patient";
      const has = (letter: Letter) => letters.has(letter) && !isOutside && !(isPatient && letter !== "u");
      const missing = DOES.filter(([letter]) => !letters.has(letter));
      return {
        type,
        mayRead: letters.has("r"),
        // A bound token may write no identifier of its own, and a condition takes both letters without a suffix (`write.md`).
        mayCreateOnce: has("c") && letters.has("s") && !limits.has("c") && !limits.has("s") && patient === undefined,
        readScope: scopeFor(scope, type.name, "r", patient),
        createScope: scopeFor(scope, type.name, "c", patient),
        mayCreate: has("c"),
        mayUpdate: has("u"),
        mayDelete: has("d"),
        closed: [reason((access) => scopeFor(scope, type.name, access, patient), missing, isOutside, isPatient), ...limitsText(grant)]
          .filter((each) => each !== "").join(" "),
      };
    });
}

/** Returns what is limited of a type, as sentences. */
function limitsText(grant: Grant): readonly string[] {
  return limitLines(grant).map((line) => `${line.replace(/^./, (first) => first.toUpperCase())}.`);
}

/** Returns what a token does not create, each reason once; `patient` is the one that it is bound to, if it is. */
export function closedReasons(rights: readonly Rights[], patient: string | undefined): readonly string[] {
  const closed = rights.filter((each) => !each.mayCreate);
  const [first] = closed;
  if (!first) return [];
  if (!rights.some((each) => each.mayCreate || each.mayUpdate || each.mayDelete)) {
    const example = rights.find((each) => each.type.name === EXAMPLE) ?? first;
    return [`This token ${rights.some((each) => each.mayRead) ? "only reads" : "writes nothing"}; it needs ${example.createScope}.`];
  }
  const isOutside = ({ type }: Rights) => patient !== undefined && (type.name === "Patient" || !type.inCompartment);
  const outside = closed.filter(isOutside).map((each) => each.type.name);
  const lacking = closed.filter((each) => !isOutside(each));
  return [
    ...(lacking[0] ? [`This token does not create ${lacking.map((each) => each.type.name).join(", ")}: that takes a scope such as ${lacking[0].createScope}.`] : []),
    ...(outside.length ? [`Bound to one patient, it creates no ${outside.join(", ")}.`] : []),
  ];
}

/** The type whose scope is named where nothing can be written. */
const EXAMPLE = "Observation";

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
