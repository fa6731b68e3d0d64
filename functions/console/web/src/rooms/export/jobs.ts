/** The exports that this tab knows: kept while one looks elsewhere or gets another token, gone with the session. */

import { effect, signal } from "@preact/signals";

import { urlOf } from "../../service/api.ts";
import { FHIR_PATH } from "../../service/place.ts";
import { session } from "../../service/session.ts";
import { EVERYTHING, type Wanted } from "./kick-off.ts";
import type { Status } from "./status.ts";

export interface Job {
  readonly url: string;
  /** The client that has started it: others are told nothing of it. */
  readonly clientId: string;
  /** What it exports, in words; empty if this tab has not started it. */
  readonly words: string;
  /** When this tab has started it, in epoch milliseconds; null if it has not. */
  readonly begun: number | null;
  /** What the server has said of it last; null before it was asked. */
  readonly status: Status | null;
  /** The URLs of the files that were saved: what was broken off goes on with the others. */
  readonly saved: ReadonlySet<string>;
}

const held = signal<ReadonlyMap<string, Job>>(new Map());

/** What is filled in for the next one. */
export const wanted = signal<Wanted>(EVERYTHING);

effect(() => {
  if (session.value) return;
  held.value = new Map();
  wanted.value = EVERYTHING;
});

/** Returns a client's jobs, the newest first. */
export function jobsOf(clientId: string): readonly Job[] {
  return [...held.value.values()].filter((each) => each.clientId === clientId).reverse();
}

/** Adds a job of which nothing is known yet, unless it is there. */
export function addJob(job: Pick<Job, "url" | "clientId" | "words" | "begun">): void {
  if (!held.value.has(job.url)) keep({ ...job, status: null, saved: new Set() });
}

/** Notes what the server has said of a job, unless that was forgotten meanwhile. */
export function noteStatus(url: string, status: Status): void {
  const job = held.value.get(url);
  if (job) keep({ ...job, status });
}

/** Notes that a file of a job was saved. */
export function noteSaved(url: string, file: string): void {
  const job = held.value.get(url);
  if (job) keep({ ...job, saved: new Set(job.saved).add(file) });
}

export function forgetJob(url: string): void {
  const left = new Map(held.value);
  left.delete(url);
  held.value = left;
}

/** Returns the URL of a job as this page calls it, null for a text that is none. */
export function jobUrlIn(typed: string): string | null {
  try {
    const url = urlOf(typed.trim());
    return JOB.test(url) ? url : null;
  } catch {
    return null;
  }
}

const JOB = new RegExp(`${FHIR_PATH.replaceAll(".", "\\.")}/\\$export/[\\w.~-]+$`);

function keep(job: Job): void {
  held.value = new Map(held.value).set(job.url, job);
}
