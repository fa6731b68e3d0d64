/** What has changed from one version of a resource to another, element by element. */

import { type Step, stepsBetween } from "./list-alignment.ts";

export interface Difference {
  /** Where, in FHIR's words: `Patient.name[0].given[1]`; what was removed is named by its place before. */
  readonly path: string;
  readonly kind: "added" | "removed" | "changed";
  /** Undefined if it was added. */
  readonly before: unknown;
  /** Undefined if it was removed. */
  readonly after: unknown;
}

/** What the server says of each version by itself. */
const OF_EVERY_VERSION = ["meta.versionId", "meta.lastUpdated"];

type Members = Readonly<Record<string, unknown>>;

/** Returns what differs between two resources of one type, in the order of their elements.
 *
 * A list's elements are compared with those that they became: one that was put in is one difference. An element that
 * came or went as a whole is one too. The version's own number and time are left out.
 */
export function differencesOf(before: Members, after: Members): readonly Difference[] {
  const root = typeof after["resourceType"] === "string" ? after["resourceType"] : "";
  const unlike = OF_EVERY_VERSION.map((each) => `${root}.${each}`);
  return ofMembers(withoutVersion(before), withoutVersion(after), root).filter((each) => !unlike.includes(each.path));
}

/** A `meta` with nothing but the version's own is none: else a first `meta.tag` would show it. */
function withoutVersion(resource: Members): Members {
  const { meta, ...others } = resource;
  if (!isMembers(meta)) return resource;
  const kept = Object.entries(meta).filter(([name]) => !OF_EVERY_VERSION.includes(`meta.${name}`));
  return kept.length ? { ...others, meta: Object.fromEntries(kept) } : others;
}

function ofValues(before: unknown, after: unknown, path: string): readonly Difference[] {
  if (before === undefined) return after === undefined ? [] : [{ path, kind: "added", before, after }];
  if (after === undefined) return [{ path, kind: "removed", before, after }];
  if (Array.isArray(before) && Array.isArray(after)) {
    return stepsBetween(before, after).flatMap((step) => ofStep(step, before, after, path));
  }
  if (isMembers(before) && isMembers(after)) return ofMembers(before, after, path);
  return before === after ? [] : [{ path, kind: "changed", before, after }];
}

function ofMembers(before: Members, after: Members, path: string): readonly Difference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  // A primitive's own extensions stand beside it in JSON, under its name with an underscore.
  return [...names].flatMap((name) => ofValues(before[name], after[name], `${path}.${name.replace(/^_/, "")}`));
}

function ofStep({ from, to }: Step, before: readonly unknown[], after: readonly unknown[], path: string): readonly Difference[] {
  return ofValues(
    from === null ? undefined : before[from],
    to === null ? undefined : after[to],
    `${path}[${to ?? from ?? 0}]`,
  );
}

function isMembers(value: unknown): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
