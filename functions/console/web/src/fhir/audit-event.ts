/** An access to a record as a person reads it (FHIR STU3 AuditEvent; `audit.md`). */

import { shortName } from "../oauth/client-name.ts";
import { objectOf, subjectOf } from "./audit-words.ts";
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
  readonly agent?: readonly { readonly userId?: Identifier; readonly name?: string }[];
  readonly entity?: readonly AuditEntity[];
}

export interface Access {
  readonly id: string;
  /** An instant; empty if it is not recorded. */
  readonly at: string;
  /** The client's name, else its id; empty if neither is recorded. */
  readonly who: string;
  /** The client's id; empty if none was known. */
  readonly clientId: string;
  /** The client and what it did, without the time: `Explorer read the record's observations`. */
  readonly sentence: string;
  readonly outcome: "allowed" | "refused" | "failed" | "not known";
  /** The request: `Observation/1`, `Observation?patient=4`, without the server's cursors; empty if the sentence says it. */
  readonly request: string;
}

/** Codes of `audit-event-outcome`. */
const OUTCOMES: Readonly<Record<string, Access["outcome"]>> = { "0": "allowed", "4": "refused", "8": "failed" };

/** The audit trail's own words for why something was not allowed. */
const REASONS: Readonly<Record<string, string>> = {
  scope: "no scope for it",
  compartment: "its token is for another patient",
  token: "its token was not accepted",
  "not found": "there is none",
  deleted: "it was deleted",
  "bad request": "the request was wrong",
  conflict: "it had been changed meanwhile",
  throttled: "too many requests",
  front: "it came by another way than the service's own",
  error: "the server had an error",
};

/** Codes of `object-role`. */
const PATIENT = "1";
const RESOURCE = "4";

/** What is recorded in the place of a personal value. */
const MASK = "***";

/** A value that only the server understands: long, and of one piece. */
const TOKEN = /^[\w.~-]{48,}$/;

/** Returns what an event says. */
export function accessOf(event: AuditEvent): Access {
  const code = event.subtype?.[0]?.code ?? "";
  const [agent] = event.agent ?? [];
  const clientId = agent?.userId?.value ?? "";
  const who = agent?.name ? shortName(agent.name) : clientId;
  const outcome = OUTCOMES[event.outcome ?? ""] ?? "not known";
  const asked = askedOf(event.entity ?? []);
  const madeVersion = (event.entity ?? []).some((each) => each.reference?.reference?.includes("/_history/"));
  const about = objectOf(code, asked, madeVersion);
  return {
    id: event.id ?? "",
    at: event.recorded ?? "",
    who,
    clientId,
    sentence: sentenceOf(subjectOf(who), code, about, outcome, event.outcomeDesc ?? ""),
    outcome,
    request: code === "operation" ? "" : readable(asked),
  };
}

/** Says whether a personal value was asked for, which is not recorded. */
export function isMasked({ request }: Access): boolean {
  return request.includes(MASK);
}

function sentenceOf(
  who: string,
  code: string,
  { verb, object }: ReturnType<typeof objectOf>,
  outcome: Access["outcome"],
  cause: string,
): string {
  const why = REASONS[cause] ?? cause;
  const because = why && ` (${why})`;
  if (outcome === "allowed") return `${who} ${verb} ${object}`;
  if (outcome === "refused") return `${who} was refused: ${object}${because}`;
  if (outcome === "failed") return `${who} asked for ${object}, which failed${because}`;
  return code ? `${who} asked for ${object}` : `${who} did something that is not recorded`;
}

/** Returns the query, else the resources that were asked for, else the patient. */
function askedOf(entities: readonly AuditEntity[]): string {
  const query = entities.find((each) => each.query !== undefined)?.query;
  if (query !== undefined) return textOf(query);
  const named = (role: string) =>
    entities.filter((each) => each.role?.code === role).map((each) => each.reference?.reference ?? "");
  const resources = named(RESOURCE);
  return (resources.length ? resources : named(PATIENT)).join(", ");
}

function textOf(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

/** Returns a query as it was typed and not as a URL has it, without what the server has put in for itself. */
function readable(asked: string): string {
  const [path = "", query] = asked.split(/\?(.*)/s);
  if (query === undefined) return decoded(asked);
  const told = query.split("&").filter((each) => !each.startsWith("_cursor=") && !TOKEN.test(each.split("=")[1] ?? ""));
  return decoded(told.length ? `${path}?${told.join("&")}` : path);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    // What a client sent in another encoding than UTF-8 is shown as it is.
    return text;
  }
}
