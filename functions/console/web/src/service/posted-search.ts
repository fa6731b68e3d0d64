/** Searches go as forms: what they ask for may name a person, and URLs are logged (`console.md`, What it may do). */

import { isNhsNumber } from "../fhir/nhs-number.ts";
import { ProblemError } from "./problem.ts";

export interface Outgoing {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a URL may say: a number, and the sealed link to another page. They name nobody. */
const NAMES_NOBODY = ["_count", "_cursor"];
/** Below the FHIR base: a type, or a type in a patient's record. */
const SEARCHED = /^\/(?:Patient\/[^/]+\/)?[A-Z][A-Za-z]+$/;

/** Returns a request as it is sent: a search by GET as the form that asks the same, anything else as it is. */
export function asPosted(request: Outgoing, fhirBase: string): Outgoing {
  const [path = "", query = ""] = request.url.split(/\?(.*)/s, 2);
  const isSearch = request.method === "GET" && path.startsWith(fhirBase) && SEARCHED.test(path.slice(fhirBase.length));
  if (!isSearch || [...new URLSearchParams(query).keys()].every((name) => NAMES_NOBODY.includes(name))) return request;
  const headers = { ...request.headers, "Content-Type": "application/x-www-form-urlencoded" };
  return { method: "POST", url: `${path}/_search`, headers, body: query };
}

/** Raises a `ProblemError` for a search of patients by an NHS number as their id: it would be recorded as one. */
export function refuseNhsNumberAsId({ url, body }: Outgoing): void {
  if (!url.endsWith("/Patient/_search")) return;
  const ids = new URLSearchParams(body).getAll("_id").flatMap((each) => each.split(","));
  if (!ids.some(isNhsNumber)) return;
  throw new ProblemError({
    title: "An NHS number is no id.",
    remedy: "Search by identifier instead. Nothing was sent.",
    details: [{ text: "This is an NHS number, and no id: search by identifier.", where: "http._id" }],
    status: 400,
    code: "value",
    needsToken: false,
  });
}
