/** What became of a Bundle's entries: each answer beside what was asked, and where that stands in the text. */

import type { Bundle, BundleEntry, Resource } from "../../../fhir/datatypes.ts";
import { placesIn } from "../../../fhir/json-places.ts";
import { type Problem, problemOf } from "../../../service/problem.ts";
import { type Place, placing } from "../editor/faults.ts";
import { asWriting } from "../refusals.ts";

/** An answer; its place is that of the entry's URL in the text that was sent. */
export interface EntryResult extends Place {
  /** As in `POST Patient`. */
  readonly asked: string;
  /** The HTTP status; 0 if the server says none. */
  readonly status: number;
  /** The resource that is stored now; null where none was written. */
  readonly written: { readonly type: string; readonly id: string } | null;
  /** Why it was refused; null of what was done. */
  readonly problem: Problem | null;
  /** What was read or found. */
  readonly resource: Resource | undefined;
}

const FAILED = 400;
const STORED = /([A-Z][A-Za-z]+)\/([A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/]+)?$/;

/** Returns the answers in the order of the entries; `text` is the Bundle that was sent. */
export function resultsOf(text: string, answer: Bundle): readonly EntryResult[] {
  const [rangeOf, placed] = [placesIn(text), placing(text)];
  const { entry: asked = [] } = JSON.parse(text) as Partial<Bundle>;
  return (answer.entry ?? []).map((each, at) => resultOf(each, asked[at]?.request, placed(rangeOf(`Bundle.entry[${at}].request.url`))));
}

/** Returns how many were done, as a sentence. */
export function summaryOf(results: readonly EntryResult[]): string {
  const done = results.filter((each) => each.problem === null).length;
  if (done === results.length) return done === 1 ? "The request was done." : `All ${done} requests were done.`;
  return `${done} of ${results.length} requests ${done === 1 ? "was" : "were"} done.`;
}

function resultOf({ resource, response }: BundleEntry, request: BundleEntry["request"], place: Place): EntryResult {
  const status = Number.parseInt(response?.status ?? "", 10) || 0;
  const { method = "", url = "" } = request ?? {};
  const isDone = status > 0 && status < FAILED;
  // An update of a stored resource is at its own URL, and the location says where the others are.
  const stored = response?.location ?? (method === "PUT" && !url.includes("?") ? url : "");
  const [, type, id] = STORED.exec(isDone ? stored : "") ?? [];
  return {
    asked: `${method} ${url}`,
    status,
    ...place,
    written: type && id ? { type, id } : null,
    problem: isDone ? null : asWriting(problemOf(status, {}, JSON.stringify(response?.outcome ?? {}))),
    resource: method === "GET" ? resource : undefined,
  };
}
