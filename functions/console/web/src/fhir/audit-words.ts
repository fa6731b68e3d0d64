/** The words for what an audit event tells: of each kind of request a verb, of each type a noun. */

/** A type in a sentence: one of its resources, and all of a record. */
type Noun = readonly [one: string, all: string];

const NOUNS: Readonly<Record<string, Noun>> = {
  Patient: ["the patient’s details", "the patient’s details"],
  Condition: ["a problem", "the record’s problems"],
  Observation: ["an observation", "the record’s observations"],
  Encounter: ["an encounter", "the record’s encounters"],
  EpisodeOfCare: ["an episode of care", "the record’s episodes of care"],
  Procedure: ["a procedure", "the record’s procedures"],
  AllergyIntolerance: ["an allergy", "the record’s allergies"],
  Immunization: ["an immunisation", "the record’s immunisations"],
  MedicationRequest: ["a prescription", "the record’s prescriptions"],
  MedicationStatement: ["a medication entry", "the record’s medication"],
  Goal: ["a goal", "the record’s goals"],
  AuditEvent: ["one of its accesses", "the list of its accesses"],
};

/** Codes of `restful-interaction`, as what a client did. */
const VERBS: Readonly<Record<string, string>> = {
  read: "read",
  vread: "read an earlier version of",
  "history-instance": "read all versions of",
  "search-type": "read",
  operation: "validated",
  create: "added",
  update: "changed",
  patch: "changed a part of",
  delete: "deleted",
  transaction: "wrote",
};

/** The verbs of writes that made no version: a conditional create found its match, an update what was there already. */
const UNWRITTEN: Readonly<Record<string, string>> = {
  create: "found, and did not add,",
  update: "found, and did not change,",
  patch: "found, and did not change,",
  transaction: "found, and did not change,",
};

/** Returns who did it, at the beginning of a sentence. */
export function subjectOf(who: string): string {
  return who || "A client that is not known";
}

/** What a client did: a verb, and what it was done to. */
export interface Deed {
  readonly verb: string;
  readonly object: string;
}

/** Codes of what a client asked of the token issuer: DICOM's, and the audit trail's own (`audit.md`). */
const TOKEN_DEEDS: Readonly<Record<string, Deed>> = {
  "110122": { verb: "got", object: "a token" },
  "110123": { verb: "revoked", object: "a token" },
  introspect: { verb: "introspected", object: "a token" },
};

export const EVERYTHING: Deed = { verb: "read", object: "the whole record" };
export const EXPORTED: Deed = { verb: "exported", object: "data of the record in bulk" };
export const EXPORT: Deed = { verb: "asked for", object: "a bulk export of the record" };

/** Returns what an operator's command did that is no read and no write of FHIR's. */
export function commandOf(code: string): Deed {
  return { verb: "ran", object: `the command “${code}”` };
}

/** Returns what an operator's command did that only listed what it would do. */
export function listingOf(code: string): Deed {
  return { verb: "listed", object: `what the command “${code}” would do` };
}

/** Returns what was done and to what; `asked` is the request below the base, with a search's query. */
export function objectOf(code: string, types: readonly string[], asked: string, madeVersion: boolean): Deed {
  const ofToken = TOKEN_DEEDS[code];
  if (ofToken) return ofToken;
  const verb = (madeVersion ? undefined : UNWRITTEN[code]) ?? VERBS[code] ?? (code || "did");
  if (code !== "search-type") return { verb, object: listed(types.map((each) => nounOf(each)[0])) };
  const type = types[0] ?? "";
  const isCounted = /[?&](?:_summary=count|_count=0)(?:&|$)/.test(asked);
  if (isCounted) return { verb: "counted", object: nounOf(type)[1] };
  if (type === "Patient") return { verb: "found", object: "this patient in a search" };
  return { verb, object: nounOf(type)[1] };
}

function nounOf(type: string): Noun {
  return NOUNS[type] ?? [type, `${type} resources`];
}

/** Returns texts as a sentence has them, each once: `the problems, the allergies and the accesses`. */
export function listed(nouns: readonly string[]): string {
  const once = [...new Set(nouns)];
  return [once.slice(0, -1).join(", "), ...once.slice(-1)].filter((each) => each).join(" and ");
}
