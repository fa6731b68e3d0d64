/** What the server says of an export when it is asked (`export.md`, Status and manifest). */

import { type Problem, problemOf } from "../../service/problem.ts";

export interface ExportedFile {
  readonly type: string;
  readonly url: string;
  /** Its lines. */
  readonly count: number;
}

export interface Manifest {
  readonly transactionTime: string;
  readonly output: readonly ExportedFile[];
  readonly deleted: readonly ExportedFile[];
  readonly error: readonly ExportedFile[];
}

/** An answer, or the silence in its place. */
export interface Said {
  readonly status: number;
  /** By lower-cased names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export type Status =
  | { readonly kind: "running"; readonly percent: number; readonly progress: string; readonly wait: number }
  /** The server could not say it now: it is asked again. */
  | { readonly kind: "unknown"; readonly problem: Problem; readonly wait: number }
  | { readonly kind: "complete"; readonly manifest: Manifest; readonly expires: string }
  /** It has failed, is gone, or the token does not open it. */
  | { readonly kind: "over"; readonly problem: Problem };

/** Seconds until the server is asked again if it does not say how long to wait. */
export const DEFAULT_WAIT = 5;

const GONE = "It was deleted, has expired, or has ended with the token that started it; or another client has started it.";
const FAILED = "Nothing of it is left at the server. Start it anew, with fewer types or patients if it was too much.";

/** Returns what an answer to a request for the status means. */
export function statusOf({ status, headers, text }: Said): Status {
  if (status === 202) {
    const progress = headers["x-progress"] ?? "";
    return { kind: "running", percent: percentIn(progress), progress, wait: waitOf(headers) };
  }
  if (status === 200) return { kind: "complete", manifest: JSON.parse(text) as Manifest, expires: headers["expires"] ?? "" };
  const problem = problemOf(status, headers, text);
  if (canWait(status)) return { kind: "unknown", problem, wait: waitOf(headers) };
  if (status === 404) return { kind: "over", problem: { ...problem, title: "This export is not there.", remedy: GONE } };
  if (status === 500) return { kind: "over", problem: { ...problem, title: "This export has failed.", remedy: FAILED } };
  return { kind: "over", problem };
}

/** Says whether an answer of this status may be another one later: too many requests, or a service that is away. */
export function canWait(status: number): boolean {
  return [429, 502, 503, 504].includes(status);
}

/** Returns the seconds that an answer asks to wait. */
export function waitOf(headers: Said["headers"]): number {
  const seconds = Number(headers["retry-after"] ?? Number.NaN);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : DEFAULT_WAIT;
}

function percentIn(progress: string): number {
  return Math.min(99, Number(/^(\d{1,3})%/.exec(progress)?.[1] ?? 0));
}

/** The files of one type, with their lines together. */
export interface FileGroup {
  readonly title: string;
  readonly files: readonly ExportedFile[];
  readonly count: number;
}

/** Returns a manifest's files by type: the resources, then what was deleted, then what was ignored. */
export function groupsOf({ output, deleted, error }: Manifest): readonly FileGroup[] {
  const types = [...new Set(output.map((each) => each.type))];
  return [
    ...types.map((type) => group(type, output.filter((each) => each.type === type))),
    ...(deleted.length ? [group("Deleted since", deleted)] : []),
    ...(error.length ? [group("Ignored parameters", error)] : []),
  ];
}

function group(title: string, files: readonly ExportedFile[]): FileGroup {
  return { title, files, count: files.reduce((sum, each) => sum + each.count, 0) };
}

/** Returns the name under which a file is saved: the server's own. */
export function nameOf({ url }: ExportedFile): string {
  return url.split("/").at(-1) ?? "";
}
