/** An access to a record as a person reads it (FHIR STU3 AuditEvent; `audit.md`). */

import { shortName } from "../oauth/client-name.ts";
import { commandOf, type Deed, EVERYTHING, EXPORT, EXPORTED, listingOf, objectOf, subjectOf } from "./audit-words.ts";
import type { Coding, Identifier, Reference, Resource } from "./datatypes.ts";

export interface AuditEntity {
  readonly reference?: Reference;
  readonly role?: Coding;
  /** Base64 of what was searched for, as the URL has it below the base. */
  readonly query?: string;
  /** What else is known of the request, in base64: `sub`, `status`. */
  readonly detail?: readonly { readonly type?: string; readonly value?: string }[];
}

export interface AuditEvent extends Resource {
  readonly subtype?: readonly Coding[];
  readonly recorded?: string;
  readonly outcome?: string;
  readonly action?: string;
  readonly outcomeDesc?: string;
  readonly agent?: readonly { readonly userId?: Identifier; readonly name?: string }[];
  readonly source?: { readonly identifier?: Identifier };
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
  /** The sentence without its subject: a verb, and what it was done to. */
  readonly deed: Deed;
  readonly outcome: "allowed" | "refused" | "failed" | "not known";
  /** The request: `Observation/1`, `Observation?patient=4`, without the server's cursors; empty if the sentence says it. */
  readonly request: string;
}

/** Codes of `audit-event-outcome`. */
const OUTCOMES: Readonly<Record<string, Access["outcome"]>> = { "0": "allowed", "4": "refused", "8": "failed" };

/** Codes of `audit-event-action`. */
const ACTIONS: Readonly<Record<string, string>> = { C: "create", R: "read", U: "update", D: "delete", E: "execute" };

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

/** What is done by an operation; the events have one code for all. */
type Operation = "everything" | "exported" | "export" | "validate";

/** Operations as what a client did; of `$validate` it depends on the type. */
const OPERATIONS: Readonly<Partial<Record<Operation, Deed>>> = { everything: EVERYTHING, exported: EXPORTED, export: EXPORT };

/** The functions' names in `source`: of the operations but `$validate`, and of an operator's commands. */
const OPERATED_BY: Readonly<Record<string, Operation>> = {
  fhir_reader: "everything",
  export_worker: "exported",
  export_keeper: "export",
  export_sender: "export",
};
const READER = "fhir_reader";
const OPERATOR = "cli";

/** Codes of `object-role`. */
const PATIENT = "1";
const RESOURCE = "4";

/** What is recorded in the place of a personal value. */
const MASK = "***";

/** A value that only the server understands: long, and of one piece. */
const TOKEN = /^[\w.~-]{48,}$/;

/** Returns what an event says. */
export function accessOf(event: AuditEvent): Access {
  const { id: clientId, name } = clientOf(event);
  const who = name ? shortName(name) : clientId;
  const outcome = outcomeOf(event);
  const deed = deedOf(event);
  return {
    id: event.id ?? "",
    at: event.recorded ?? "",
    who,
    clientId,
    sentence: `${subjectOf(who)} ${deed.verb} ${deed.object}`.trim(),
    deed,
    outcome,
    request: isEverything(event) ? "" : readable(requestOf(event).text),
  };
}

/** Returns what a client did, without the client: `read the record’s observations`; empty if that is not recorded. */
export function deedText(event: AuditEvent): string {
  const { verb, object } = deedOf(event);
  return codeOf(event) && `${verb} ${object}`.trim();
}

/** Returns an event with its codes in words, as a person reads them. */
export function inWords(event: AuditEvent): Resource {
  const { action, outcome, subtype } = event;
  return {
    ...event,
    ...(action !== undefined && { action: { code: action, display: ACTIONS[action] ?? action } }),
    ...(outcome !== undefined && { outcome: { code: outcome, display: outcomeOf(event) } }),
    ...(subtype !== undefined && { subtype: subtype.map((each) => ({ ...each, display: deedText(event) })) }),
  };
}

/** Returns an outcome in words: `allowed`, `refused (no scope for it)`; empty if none is recorded. */
export function outcomeText(event: AuditEvent): string {
  return event.outcome === undefined ? "" : outcomeOf(event) + because(event);
}

/** Returns the client of an event, or an operator's principal; empty where none is recorded. */
export function clientOf({ agent = [] }: AuditEvent): { readonly id: string; readonly name: string } {
  return { id: agent[0]?.userId?.value ?? "", name: agent[0]?.name ?? "" };
}

/** Returns the `sub` of the token; empty if there was none. */
export function subjectIdOf(event: AuditEvent): string {
  return detailOf(event, "sub");
}

/** Returns the id of the bulk export that an event is about; empty of any other event. */
export function jobOf(event: AuditEvent): string {
  return detailOf(event, "job");
}

/** Returns the HTTP status of a request that was refused or failed, else nothing. */
export function statusOf(event: AuditEvent): string {
  return detailOf(event, "status");
}

/** Returns the types that a request was about, of a search the type that was searched; none if that is not recorded. */
export function typesOf(event: AuditEvent): readonly string[] {
  const { text, resources } = requestOf(event);
  const paths = isSearch(event) || !resources.length ? [text] : resources;
  const names = paths.map((each) => (each.split("?")[0] ?? "").split("/")).map((each) => (isSearch(event) ? each.at(-1) : each[0]) ?? "");
  return [...new Set(names.filter((each) => /^[A-Z][A-Za-z]+$/.test(each)))];
}

/** Says whether a personal value was asked for, which is not recorded. */
export function isMasked({ request }: Access): boolean {
  return request.includes(MASK);
}

/** Returns what a client did, as the end of a sentence. */
function deedOf(event: AuditEvent): Deed {
  const code = codeOf(event);
  const { verb, object } = wholeDeedOf(event, code);
  const outcome = outcomeOf(event);
  if (outcome === "allowed") return { verb, object };
  if (outcome === "refused") return { verb: "was refused:", object: object + because(event) };
  if (outcome === "failed") return { verb: "asked for", object: `${object}, which failed${because(event)}` };
  return code ? { verb: "asked for", object } : { verb: "did something that is not recorded", object: "" };
}

/** Returns what was asked for, as if it was done. */
function wholeDeedOf(event: AuditEvent, code: string): Deed {
  const operation = code === "operation" ? OPERATIONS[operationOf(event)] : undefined;
  if (operation) return operation;
  if (isListing(event)) return listingOf(code);
  const types = typesOf(event);
  if (isOperators(event) && !types.length) return commandOf(code);
  const { text, resources } = requestOf(event);
  return objectOf(code, types, text, resources.some((each) => each.includes("/_history/")));
}

function outcomeOf({ outcome = "" }: AuditEvent): Access["outcome"] {
  return OUTCOMES[outcome] ?? "not known";
}

function because({ outcomeDesc = "" }: AuditEvent): string {
  const why = REASONS[outcomeDesc] ?? outcomeDesc;
  return why && ` (${why})`;
}

function codeOf({ subtype }: AuditEvent): string {
  return subtype?.[0]?.code ?? "";
}

function isSearch(event: AuditEvent): boolean {
  return codeOf(event) === "search-type";
}

/** Returns which operation an event of one is about, by the function that has answered it. */
export function operationOf({ source }: AuditEvent): Operation {
  return OPERATED_BY[source?.identifier?.value ?? READER] ?? "validate";
}

function isEverything(event: AuditEvent): boolean {
  return codeOf(event) === "operation" && operationOf(event) === "everything";
}

function isOperators({ source }: AuditEvent): boolean {
  return source?.identifier?.value === OPERATOR;
}

/** Says whether an operator's command only listed what it would do. */
export function isListing(event: AuditEvent): boolean {
  return isOperators(event) && event.action === "R" && !typesOf(event).length;
}

/** Returns the query, else the resources that were asked for, else the patient; and the resources with their versions. */
export function requestOf(event: AuditEvent): { readonly text: string; readonly resources: readonly string[] } {
  const { entity = [] } = event;
  const query = entity.find((each) => each.query !== undefined)?.query;
  const named = (role: string) => entity.filter((each) => each.role?.code === role).map((each) => each.reference?.reference ?? "");
  const resources = named(RESOURCE);
  // An operator's change, such as a load, names the patient without asking for the resource.
  const patients = isOperators(event) ? [] : named(PATIENT);
  return { text: query === undefined ? (resources.length ? resources : patients).join(", ") : textOf(query), resources };
}

function detailOf({ entity = [] }: AuditEvent, type: string): string {
  return textOf(entity.flatMap(({ detail = [] }) => detail).find((each) => each.type === type)?.value ?? "");
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
