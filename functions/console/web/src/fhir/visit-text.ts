/** A visit in a sentence. */

import { type Access, accessOf } from "./audit-event.ts";
import { listed, subjectOf } from "./audit-words.ts";
import type { Visit } from "./visits.ts";

/** Returns the client's name as a person reads it, else its id; empty if neither is recorded. */
export function visitorOf({ events, clientName }: Visit): string {
  const accesses = events.map(accessOf);
  return (clientName ? accesses.findLast((each) => each.who !== each.clientId)?.who : accesses[0]?.clientId) ?? "";
}

/** Returns what was done in a visit, each deed once: `read the whole record and the record’s observations; added a problem`. */
export function deedsText({ events }: Visit): string {
  const deeds = new Map<string, string[]>();
  for (const { deed: { verb, object } } of events.map(accessOf)) deeds.set(verb, [...(deeds.get(verb) ?? []), object]);
  return [...deeds].map(([verb, objects]) => `${verb} ${listed(objects)}`.trim()).join("; ");
}

/** Returns the sentence of a visit, without its time: `Explorer read the whole record`. */
export function visitText(visit: Visit): string {
  return `${subjectOf(visitorOf(visit))} ${deedsText(visit)}`;
}

/** Returns the accesses of a visit, the newest first. */
export function accessesOf({ events }: Visit): readonly Access[] {
  return events.map(accessOf).toReversed();
}
