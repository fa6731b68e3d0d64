/** The calls of this room: a resource's present text with its version, and every way to write it. */

import type { Bundle } from "../../fhir/datatypes.ts";
import { laidOut, withId } from "../../fhir/json-places.ts";
import { type Answer, answerTo, ask } from "../../service/api.ts";
import { FHIR_PATH } from "../../service/place.ts";
import { ProblemError } from "../../service/problem.ts";

/** A resource as the server has it. */
export interface Stored {
  readonly id: string;
  readonly text: string;
  /** Its version, as in `3`. */
  readonly version: string;
  /** When it was written, as the server's Last-Modified has it; empty if it does not say. */
  readonly modified: string;
}

const ACCEPT = { Accept: "application/fhir+json" };
const BODY = { ...ACCEPT, "Content-Type": "application/fhir+json" };

/** Reads a resource; rejects with a `ProblemError`, of 410 if it was deleted. */
export async function read(type: string, id: string, signal: AbortSignal): Promise<Stored> {
  const answer = await ask({ to: pathOf(type, id), headers: ACCEPT, signal });
  return storedIn(answer, id, answer.text);
}

/** Reads a resource; null if it is gone. */
export async function readIfThere(type: string, id: string, signal: AbortSignal): Promise<Stored | null> {
  try {
    return await read(type, id, signal);
  } catch (error) {
    if (error instanceof ProblemError && [404, 410].includes(error.problem.status)) return null;
    throw error;
  }
}

/** Creates a resource under an id of the server's. */
export async function create(type: string, text: string, signal: AbortSignal): Promise<Stored> {
  const answer = await ask({ method: "POST", to: `${FHIR_PATH}/${type}`, headers: BODY, body: text, signal });
  const [, id = ""] = /\/([^/]+)\/_history\/[^/]+$/.exec(answer.headers["location"] ?? "") ?? [];
  return storedIn(answer, id, text);
}

/** Writes a resource over the version given; without one, over whatever is there, or where nothing is any more. */
export async function update(type: string, id: string, text: string, version: string | null, signal: AbortSignal): Promise<Stored> {
  const headers = { ...BODY, ...ifMatch(version) };
  const answer = await ask({ method: "PUT", to: pathOf(type, id), headers, body: text, signal });
  return storedIn(answer, id, text);
}

/** Deletes a resource, if it is still at the version given. */
export async function remove(type: string, id: string, version: string | null, signal: AbortSignal): Promise<void> {
  await ask({ method: "DELETE", to: pathOf(type, id), headers: { ...ACCEPT, ...ifMatch(version) }, signal });
}

/** Reads the last version that a deleted resource had; null if the history has none. */
export async function lastVersion(type: string, id: string, signal: AbortSignal): Promise<string | null> {
  const answer = await ask({ to: `${pathOf(type, id)}/_history?_count=2`, headers: ACCEPT, signal });
  const { entry = [] } = JSON.parse(answer.text) as Bundle;
  const version = entry.find((each) => each.resource)?.resource?.meta?.versionId;
  if (version === undefined) return null;
  // Read by itself, so that its decimals keep their digits.
  const one = await ask({ to: `${pathOf(type, id)}/_history/${encodeURIComponent(version)}`, headers: ACCEPT, signal });
  return laidOut(one.text);
}

/** Returns the id of a patient that the token finds, to be written about; null if it finds none. */
export async function somePatient(signal: AbortSignal): Promise<string | null> {
  const answer = await answerTo({ to: `${FHIR_PATH}/Patient?_count=1&_elements=id`, headers: ACCEPT, signal });
  if (answer.status !== 200) return null;
  const { entry } = JSON.parse(answer.text) as Bundle;
  return entry?.[0]?.resource?.id ?? null;
}

function pathOf(type: string, id: string): string {
  return `${FHIR_PATH}/${type}/${encodeURIComponent(id)}`;
}

function ifMatch(version: string | null): Readonly<Record<string, string>> {
  return version ? { "If-Match": `W/"${version}"` } : {};
}

/** Returns what an answer says is stored now; a token that may not read is not shown it, and then it is what was sent. */
function storedIn(answer: Answer, id: string, sent: string): Stored {
  const text = answer.text.trim() ? answer.text : withId(sent, id);
  const version = /"(.+)"/.exec(answer.headers["etag"] ?? "")?.[1] ?? "";
  return { id, text: laidOut(text), version, modified: answer.headers["last-modified"] ?? "" };
}
