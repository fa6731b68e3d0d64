/** The versions of one resource, as a history Bundle tells them (FHIR STU3 http.html#history). */

import type { Bundle, Resource } from "./datatypes.ts";

export interface Version {
  readonly number: string;
  /** When it was made, an instant; empty if the server does not say. */
  readonly at: string;
  readonly deed: "created" | "changed" | "deleted" | "brought back";
  /** What it holds; null for a deletion. */
  readonly resource: Resource | null;
}

/** Returns a page's versions in the Bundle's order, the newest first. */
export function versionsOf(bundle: Bundle): readonly Version[] {
  return (bundle.entry ?? []).map(({ request, response, resource }) => {
    const number = /^(?:W\/)?"(.*)"$/.exec(response?.etag ?? "")?.[1] ?? resource?.meta?.versionId ?? "";
    return {
      number,
      at: response?.lastModified ?? resource?.meta?.lastUpdated ?? "",
      deed: deedOf(request?.method ?? "", response?.status ?? "", number),
      resource: resource ?? null,
    };
  });
}

function deedOf(method: string, status: string, number: string): Version["deed"] {
  if (method === "DELETE") return "deleted";
  if (method !== "POST" && !status.startsWith("201")) return "changed";
  // A PUT to what was deleted creates as well.
  return number === "1" ? "created" : "brought back";
}

export interface Comparison {
  readonly from: string;
  readonly to: string;
}

/** Returns which two versions to compare first: the newest that has content and the one before it; null if there is none. */
export function neighbours(versions: readonly Version[], of?: string): Comparison | null {
  const withContent = versions.filter((each) => each.resource);
  const place = of === undefined ? 0 : withContent.findIndex((each) => each.number === of);
  const [to, from] = [withContent[place], withContent[place + 1]];
  return to && from ? { from: from.number, to: to.number } : null;
}
