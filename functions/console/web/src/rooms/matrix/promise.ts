/** What a client is promised of each type, and whether the server's answer keeps it. */

import { grantsOf, type Letter, lettersOf, scopeFor, type ServedType } from "../../oauth/grants.ts";
import table from "./promises.json" with { type: "json" };

/** The table of the reference implementation's page: what its three clients may read. The access tests read it too. */
const PAGE: Readonly<Record<string, readonly string[]>> = table;

/** Whose tokens are tried: a row of the matrix. */
export interface Party {
  readonly clientId: string;
  readonly name: string;
  readonly scope: string;
  /** The one patient that it is bound to, empty for none. */
  readonly patient: string;
}

/** What is asked of the server for one cell, and what is promised of its answer. */
export interface Question {
  readonly party: Party;
  readonly type: ServedType;
  /** Searching, or reading by id where the scopes open that alone. */
  readonly letter: Letter & ("s" | "r");
  /** Below the FHIR base. */
  readonly path: string;
  readonly isPromised: boolean;
}

/** An id that no resource has: reading it tells an opened type (404) from a closed one (403). */
const NOBODY = "who-may-read-what";

/** The one scope that opens types without naming them. */
const PROFILE = "profile";

/** Returns the questions of a row, one for each type that the service serves. */
export function questionsOf(party: Party): readonly Question[] {
  return grantsOf(party.scope, party.patient).map(({ type, letters }) => {
    const letter = letters.has("r") && !letters.has("s") ? "r" : "s";
    return {
      party,
      type,
      letter,
      path: letter === "s" ? `${type.name}?_count=1` : `${type.name}/${NOBODY}`,
      isPromised: PAGE[party.clientId]?.includes(type.name) ?? letters.has(letter),
    };
  });
}

/** What an answer says of a cell; `unclear` is one that is about something else, like a token that was revoked. */
export type Verdict = "open" | "closed" | "unclear";

/** Returns what a status says about a question. */
export function verdictOf(question: Question, status: number): Verdict {
  if (status === 403) return "closed";
  return status === 200 || (status === 404 && question.letter === "r") ? "open" : "unclear";
}

/** Says whether a verdict is what was promised. */
export function isKept(question: Question, verdict: Verdict): boolean {
  return verdict === (question.isPromised ? "open" : "closed");
}

/** Returns what is promised and by what, and which scopes open the cell or which is missing. */
export function reasonOf({ party, type, letter, isPromised }: Question): string {
  const source = party.clientId in PAGE ? "the reference implementation's page" : "its scopes";
  const promise = `Promised by ${source}: ${isPromised ? "open" : "closed"}.`;
  const verb = letter === "s" ? "searching" : "reading";
  const held = party.scope.split(" ").filter((each) => lettersOf(each, type.name, party.patient).has(letter));
  if (held.length) return `${promise} ${held.join(" and ")} ${held.length === 1 ? "opens" : "open"} ${verb} ${type.name}.`;
  const also = lettersOf(PROFILE, type.name).has(letter) ? `, or ${PROFILE}` : "";
  return `${promise} None of its scopes opens ${verb} ${type.name}: it takes ${scopeFor(party.scope, type.name, "read", party.patient)}${also}.`;
}
