/** Who saw what: an event of the access record as a person reads it (FHIR STU3 AuditEvent; `audit.md`). */

import type { Coding, Identifier, Reference, Resource } from "./datatypes.ts";

export interface AuditEntity {
  readonly reference?: Reference;
  readonly role?: Coding;
  /** Base64 of what was searched for, as the URL has it below the base. */
  readonly query?: string;
}

export interface AuditEvent extends Resource {
  readonly subtype?: readonly Coding[];
  readonly recorded?: string;
  readonly outcome?: string;
  readonly outcomeDesc?: string;
  readonly agent?: readonly { readonly userId?: Identifier }[];
  readonly entity?: readonly AuditEntity[];
}

export interface Access {
  readonly id: string;
  /** An instant; empty if it is not recorded. */
  readonly at: string;
  /** The client's id; empty if none was known. */
  readonly who: string;
  /** What was asked to do: `read`, `search`, `read the whole record`. */
  readonly deed: string;
  /** To what: `Observation/1`, `Observation?patient=4`; empty if the deed says it. */
  readonly what: string;
  readonly outcome: "allowed" | "refused" | "failed" | "not known";
  /** Why it was not allowed; empty if it was. */
  readonly why: string;
}

/** Codes of `restful-interaction`, as what a client asks to do. */
const DEEDS: Readonly<Record<string, string>> = {
  read: "read",
  vread: "read a version",
  "history-instance": "read all versions of",
  "search-type": "search",
  operation: "read the whole record",
  create: "create",
  update: "change",
  patch: "change a part of",
  delete: "delete",
};

/** Codes of `audit-event-outcome`. */
const OUTCOMES: Readonly<Record<string, Access["outcome"]>> = { "0": "allowed", "4": "refused", "8": "failed" };

/** The record's own fixed words for why something was not allowed. */
const REASONS: Readonly<Record<string, string>> = {
  scope: "the token does not open it",
  compartment: "the token is another patient's",
  token: "the token was not accepted",
  "not found": "there is none",
  deleted: "it was deleted",
  "bad request": "the request was wrong",
  conflict: "it had been changed meanwhile",
  throttled: "too many requests",
  front: "it came by another way than the service's own",
  error: "the server had an error of its own",
};

/** Codes of `object-role`. */
const PATIENT = "1";
const RESOURCE = "4";

/** What is recorded in the place of a personal value. */
const MASK = "***";

/** Returns what an event says. */
export function accessOf(event: AuditEvent): Access {
  const code = event.subtype?.[0]?.code ?? "";
  const why = event.outcomeDesc ?? "";
  return {
    id: event.id ?? "",
    at: event.recorded ?? "",
    who: event.agent?.[0]?.userId?.value ?? "",
    deed: DEEDS[code] ?? code,
    // There is one operation, and it is of whose record this is.
    what: code === "operation" ? "" : askedOf(event.entity ?? []),
    outcome: OUTCOMES[event.outcome ?? ""] ?? "not known",
    why: REASONS[why] ?? why,
  };
}

/** Says whether a personal value was asked for, which is not recorded. */
export function isMasked({ what }: Access): boolean {
  return what.includes(MASK);
}

/** Returns the query, else the resources that were asked for, else the patient. */
function askedOf(entities: readonly AuditEntity[]): string {
  const query = entities.find((each) => each.query !== undefined)?.query;
  if (query !== undefined) return queryText(query);
  const named = (role: string) =>
    entities.filter((each) => each.role?.code === role).map((each) => each.reference?.reference ?? "");
  const resources = named(RESOURCE);
  return (resources.length ? resources : named(PATIENT)).join(", ");
}

/** Returns a query as it was typed and not as a URL has it. */
function queryText(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  return decoded(new TextDecoder().decode(bytes));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // What a client sent in another encoding than UTF-8 is shown as it is.
    return text;
  }
}
