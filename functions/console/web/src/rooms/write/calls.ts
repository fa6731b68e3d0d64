/** The calls of this room: a resource's present text with its version, and every way to write it. */

import type { Bundle } from "../../fhir/datatypes.ts";
import { type Answer, answerTo, type Call } from "../../service/api.ts";
import { FHIR_PATH } from "../../service/place.ts";
import { ProblemError, problemOf } from "../../service/problem.ts";
import { type Format, FORMATS } from "./formats.ts";
import { ifNoneExist } from "./once.ts";
import { outcomeAsJson } from "./outcome-xml.ts";

/** A resource as the server has it. */
export interface Stored {
  readonly id: string;
  readonly text: string;
  readonly format: Format;
  /** Its version, as in `3`. */
  readonly version: string;
  /** When it was written, as the server's Last-Modified has it; empty if it does not say. */
  readonly modified: string;
}

/** A resource to be created. */
export interface NewResource {
  readonly type: string;
  readonly text: string;
  readonly format: Format;
  /** The value of an identifier of `once.ts` that the text has, by which it is created once only; null without. */
  readonly once: string | null;
}

/** A resource that was created, or was there already: an earlier attempt has then created it. */
export interface Created extends Stored {
  readonly wasThere: boolean;
}

const ACCEPT = { Accept: "application/fhir+json" };

/** Reads a resource; rejects with a `ProblemError`, of 410 if it was deleted. */
export async function read(type: string, id: string, format: Format, signal: AbortSignal): Promise<Stored> {
  const answer = await ask({ to: pathOf(type, id), headers: acceptOf(format), signal });
  return storedIn(answer, id, answer.text, format);
}

/** Reads a resource; null if it is gone. */
export async function readIfThere(type: string, id: string, format: Format, signal: AbortSignal): Promise<Stored | null> {
  try {
    return await read(type, id, format, signal);
  } catch (error) {
    if (error instanceof ProblemError && [404, 410].includes(error.problem.status)) return null;
    throw error;
  }
}

/** Creates a resource under an id of the server's. */
export async function create({ type, text, format, once }: NewResource, signal: AbortSignal): Promise<Created> {
  const headers = { ...bodyOf(format), ...ifNoneExist(once) };
  const answer = await ask({ method: "POST", to: `${FHIR_PATH}/${type}`, headers, body: text, signal });
  const [, id = ""] = /\/([^/]+)\/_history\/[^/]+$/.exec(answer.headers["location"] ?? "") ?? [];
  return { ...storedIn(answer, id, text, format), wasThere: answer.status === 200 };
}

/** Writes a resource over the version given; without one, over whatever is there, or where nothing is any more. */
export async function update(
  type: string,
  { id, text, format }: Pick<Stored, "id" | "text" | "format">,
  version: string | null,
  signal: AbortSignal,
): Promise<Stored> {
  const headers = { ...bodyOf(format), ...ifMatch(version) };
  const answer = await ask({ method: "PUT", to: pathOf(type, id), headers, body: text, signal });
  return storedIn(answer, id, text, format);
}

/** Deletes a resource, if it is still at the version given. */
export async function remove(type: string, id: string, version: string | null, signal: AbortSignal): Promise<void> {
  await ask({ method: "DELETE", to: pathOf(type, id), headers: { ...ACCEPT, ...ifMatch(version) }, signal });
}

/** Sends a Bundle of requests, and returns that of their answers. */
export async function sendBundle(text: string, signal: AbortSignal): Promise<Bundle> {
  const answer = await ask({ method: "POST", to: FHIR_PATH, headers: bodyOf("json"), body: text, signal });
  return JSON.parse(answer.text) as Bundle;
}

/** Reads the last version that a deleted resource had; null if the history has none. */
export async function lastVersion(type: string, id: string, format: Format, signal: AbortSignal): Promise<string | null> {
  const answer = await ask({ to: `${pathOf(type, id)}/_history?_count=2`, headers: ACCEPT, signal });
  const { entry = [] } = JSON.parse(answer.text) as Bundle;
  const version = entry.find((each) => each.resource)?.resource?.meta?.versionId;
  if (version === undefined) return null;
  // Read by itself, so that its decimals keep their digits.
  const headers = acceptOf(format);
  const one = await ask({ to: `${pathOf(type, id)}/_history/${encodeURIComponent(version)}`, headers, signal });
  return FORMATS[format].laidOut(one.text);
}

/** Calls the service; rejects with a `ProblemError` for every answer that is no success, in whichever format it is. */
async function ask(call: Call): Promise<Answer> {
  const answer = await answerTo(call);
  if (answer.status < 400) return answer;
  throw new ProblemError(problemOf(answer.status, answer.headers, outcomeAsJson(answer.text)));
}

function pathOf(type: string, id: string): string {
  return `${FHIR_PATH}/${type}/${encodeURIComponent(id)}`;
}

function acceptOf(format: Format): Readonly<Record<string, string>> {
  return { Accept: FORMATS[format].mediaType };
}

function bodyOf(format: Format): Readonly<Record<string, string>> {
  return { ...acceptOf(format), "Content-Type": FORMATS[format].mediaType };
}

function ifMatch(version: string | null): Readonly<Record<string, string>> {
  return version ? { "If-Match": `W/"${version}"` } : {};
}

/** Returns what an answer says is stored now; a token that may not read is not shown it, and then it is what was sent. */
function storedIn(answer: Answer, id: string, sent: string, format: Format): Stored {
  const { laidOut, withId } = FORMATS[format];
  const text = answer.text.trim() ? answer.text : withId(sent, id);
  const version = /"(.+)"/.exec(answer.headers["etag"] ?? "")?.[1] ?? "";
  return { id, text: laidOut(text), format, version, modified: answer.headers["last-modified"] ?? "" };
}
