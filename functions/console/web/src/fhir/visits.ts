/** Accesses to a record as visits instead of requests: `careconnect audit report` has the same rule (`audit.md`, Visits). */

import { type AuditEvent, clientOf, isListing, jobOf, operationOf, requestOf, statusOf, subjectIdOf, typesOf } from "./audit-event.ts";

/** A request that comes later than this after the client's last one begins another visit. */
export const VISIT_MINUTES = 15;

const READS = ["read", "vread", "history-instance", "search-type"];
const WRITES: Readonly<Record<string, string>> = {
  create: "created",
  update: "changed",
  patch: "changed",
  delete: "deleted",
  transaction: "wrote",
  "patients-move-out": "moved out",
  "patients-move-in": "moved in",
};
const VERSION = "/_history/";
const ALLOWED = "0";

/** The requests of one client for one subject that follow each other closely. */
export interface Visit {
  /** Its events, the first one first. */
  readonly events: readonly [AuditEvent, ...AuditEvent[]];
  readonly isAllowed: boolean;
  /** The client's id, or an operator's principal; empty if unknown. */
  readonly clientId: string;
  /** The client's name at the last request that has it; empty if none has. */
  readonly clientName: string;
  /** The instants of the first and the last request. */
  readonly from: string;
  readonly to: string;
  /** What was read and written: `read Observation ×3, Patient; created Condition/7`. */
  readonly what: string;
  /** Why requests were refused or failed: `compartment 403, error 503`; empty if none was. */
  readonly why: string;
}

/** A patient's visits, newest first, and apart from them what was refused or failed, which showed nothing. */
export interface Disclosures {
  readonly visits: readonly Visit[];
  readonly refusals: readonly Visit[];
}

/** Returns who has seen a record; `clientId` limits it to one client. */
export function disclosuresOf(events: readonly AuditEvent[], clientId?: string): Disclosures {
  const own = events.filter((each) => clientId === undefined || clientOf(each).id === clientId);
  return {
    visits: visitsOf(own.filter(isAllowed)),
    refusals: visitsOf(own.filter((each) => !isAllowed(each))),
  };
}

/** Returns the lines of a report: the visits, then what was refused. */
export function linesOf({ visits, refusals }: Disclosures): readonly Visit[] {
  return [...visits, ...refusals];
}

/** Returns all visits, the allowed and the refused, newest first. */
export function inOrder(found: Disclosures): readonly Visit[] {
  return linesOf(found).toSorted(byLastRequest);
}

function isAllowed({ outcome }: AuditEvent): boolean {
  return outcome === ALLOWED;
}

function visitsOf(events: readonly AuditEvent[]): readonly Visit[] {
  const ofOne = new Map<string, AuditEvent[]>();
  for (const each of events.toSorted((one, other) => compared(one.id ?? "", other.id ?? ""))) {
    const who = JSON.stringify([clientOf(each).id, subjectIdOf(each)]);
    ofOne.set(who, [...(ofOne.get(who) ?? []), each]);
  }
  return [...ofOne.values()].flatMap(apart).map(visitOf).toSorted(byLastRequest);
}

/** Returns the events of one client in parts, which end where it paused for longer than a visit does. */
function apart(events: readonly AuditEvent[]): readonly [AuditEvent, ...AuditEvent[]][] {
  const parts: [AuditEvent, ...AuditEvent[]][] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (const each of events) {
    const at = Date.parse(each.recorded ?? "");
    const current = parts.at(-1);
    if (current && at - last <= VISIT_MINUTES * 60_000) current.push(each);
    else parts.push([each]);
    last = at;
  }
  return parts;
}

function visitOf(events: readonly [AuditEvent, ...AuditEvent[]]): Visit {
  const last = events.at(-1) ?? events[0];
  return {
    events,
    isAllowed: isAllowed(last),
    clientId: clientOf(last).id,
    clientName: events.map((each) => clientOf(each).name).findLast((each) => each !== "") ?? "",
    from: events[0].recorded ?? "",
    to: last.recorded ?? "",
    what: whatOf(events),
    why: listed(events.map((each) => [each.outcomeDesc, statusOf(each)].filter((one) => one).join(" ")).filter((each) => each !== "")),
  };
}

function byLastRequest(one: Visit, other: Visit): number {
  const id = ({ events }: Visit) => events.at(-1)?.id ?? "";
  // An id begins with its time.
  return compared(id(other), id(one));
}

function whatOf(events: readonly AuditEvent[]): string {
  const deeds = new Map<string, string[]>();
  for (const [verb, what] of events.flatMap(deedsOf)) deeds.set(verb, [...(deeds.get(verb) ?? []), what]);
  const verbs = [...deeds].toSorted(([one], [other]) => compared(one, other));
  return verbs.map(([verb, whats]) => `${verb} ${listed(whats)}`.trim()).join("; ");
}

/** Returns what a request did, each a verb and what it was done to. */
function deedsOf(event: AuditEvent): readonly (readonly [verb: string, what: string])[] {
  const code = event.subtype?.[0]?.code ?? "";
  // A transaction is of no type, and neither is an operator's move.
  const type = code === "transaction" || code.startsWith("patients-move") ? "" : (typesOf(event)[0] ?? "");
  if (READS.includes(code)) return [["read", type]];
  if (code === "operation") return [operatedBy(event, type)];
  if (isListing(event)) return [[`listed for ${code}`, type]];
  const verb = WRITES[code];
  if (verb === undefined) return [[code, type]];
  if (!isAllowed(event)) return [[`asked for ${code}`, type]];
  const written = requestOf(event).resources.filter((each) => each.includes(VERSION)).map((each) => each.split(VERSION)[0] ?? "");
  // Without a version nothing was written: a conditional create found its match, or an update changed nothing.
  return written.length ? written.map((each) => [verb, each] as const) : [[`found for ${code}`, type]];
}

function operatedBy(event: AuditEvent, type: string): readonly [verb: string, what: string] {
  return {
    everything: ["read", "$everything"] as const,
    exported: ["exported", jobOf(event)] as const,
    export: ["asked for $export", jobOf(event)] as const,
    validate: ["validated", type] as const,
  }[operationOf(event)];
}

/** Returns texts in order, each with how often it occurs: `Observation ×3, Patient`. */
function listed(texts: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const each of texts) counts.set(each, (counts.get(each) ?? 0) + 1);
  const sorted = [...counts].toSorted(([one], [other]) => compared(one, other));
  return sorted.map(([text, count]) => (count > 1 ? `${text} ×${count}`.trimStart() : text)).join(", ");
}

/** Compares as Python does: by code, and not by language. */
function compared(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}
