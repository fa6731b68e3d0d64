/** Fetches a record portion by portion, each on its own: what comes is there at once, what fails can be tried again. */

import { signal } from "@preact/signals";

import { hintsOf, nextOf } from "../../fhir/bundle.ts";
import type { Bundle, Resource } from "../../fhir/datatypes.ts";
import type { Problem } from "../../service/problem.ts";
import type { Portion } from "./record-plan.ts";

export interface PortionState {
  readonly portion: Portion;
  /** `more`: as many pages were read as are read at once, and there are more. */
  readonly state: "loading" | "complete" | "more" | "stopped" | "failed";
  /** Where to go on; the portion's query at the beginning. */
  readonly next: string;
  readonly problem: Problem | null;
}

export interface LoaderTools {
  /** Yields the pages of a query or link; a single resource is a page too. */
  readonly pages: (query: string, signal: AbortSignal) => AsyncGenerator<Bundle | Resource, void>;
  readonly problemFrom: (error: unknown) => Problem;
  /** Returns what to ask for instead of a portion of several types that the server cannot answer. */
  readonly instead: (portion: Portion) => readonly Portion[];
  readonly pagesAtOnce?: number;
}

const PAGES_AT_ONCE = 10;
/** What is no fault of the question: asking otherwise would fail as well. */
const WHATEVER_IS_ASKED = [0, 401, 404, 410];

export class RecordLoader {
  readonly portions = signal<readonly PortionState[]>([]);
  /** All that has come, by `Type/id`: the record's own, and what it names. */
  readonly resources = signal<ReadonlyMap<string, Resource>>(new Map());
  /** What the server says of the searches themselves. */
  readonly hints = signal<readonly string[]>([]);
  private readonly tools: LoaderTools;
  private controller = new AbortController();

  constructor(portions: readonly Portion[], tools: LoaderTools) {
    this.tools = tools;
    this.portions.value = portions.map(atBeginning);
  }

  /** Loads all portions; resolves when each has ended in some way. */
  async start(): Promise<void> {
    await Promise.all(this.portions.value.map((each) => this.load(each)));
  }

  /** Goes on with a portion that has failed, was stopped or has more. */
  async goOn(one: PortionState): Promise<void> {
    await this.load(one);
  }

  /** Stops what is under way; what has come stays. */
  stop(): void {
    this.controller.abort();
    this.controller = new AbortController();
  }

  /** Puts a resource that was written in the place of what was read. */
  take(resource: Resource): void {
    this.keep(resource);
  }

  private async load(one: PortionState): Promise<void> {
    const { signal: stopping } = this.controller;
    let current: PortionState = { ...one, state: "loading", problem: null };
    const become = (more: Partial<PortionState>): void => {
      const before = current;
      current = { ...before, ...more };
      this.portions.value = this.portions.value.map((each) => (each.portion === before.portion ? current : each));
    };
    become({});
    try {
      const state = await this.walk(current.next, stopping, (next) => become({ next }));
      become({ state });
    } catch (error) {
      if (stopping.aborted) {
        become({ state: "stopped" });
        return;
      }
      const problem = this.tools.problemFrom(error);
      const isSplit = one.portion.types.length > 1 && !WHATEVER_IS_ASKED.includes(problem.status);
      if (isSplit) await this.replace(one.portion, this.tools.instead(one.portion));
      else become({ state: "failed", problem });
    }
  }

  /** Reads pages, and says at each where the next one is. */
  private async walk(from: string, stopping: AbortSignal, at: (next: string) => void): Promise<PortionState["state"]> {
    let left = this.tools.pagesAtOnce ?? PAGES_AT_ONCE;
    for await (const page of this.tools.pages(from, stopping)) {
      if (stopping.aborted) return "stopped";
      this.keep(page);
      const next = isBundle(page) ? nextOf(page) : undefined;
      if (next === undefined) return "complete";
      at(next);
      if (--left === 0) return "more";
    }
    return stopping.aborted ? "stopped" : "complete";
  }

  private async replace(portion: Portion, others: readonly Portion[]): Promise<void> {
    const states = others.map(atBeginning);
    this.portions.value = this.portions.value.flatMap((each) => (each.portion === portion ? states : [each]));
    await Promise.all(states.map((each) => this.load(each)));
  }

  private keep(page: Bundle | Resource): void {
    const found = isBundle(page) ? (page.entry ?? []).map((each) => each.resource) : [page];
    const all = new Map(this.resources.value);
    for (const each of found) if (each?.id) all.set(`${each.resourceType}/${each.id}`, each);
    this.resources.value = all;
    if (isBundle(page)) this.hints.value = [...new Set([...this.hints.value, ...hintsOf(page)])];
  }
}

function atBeginning(portion: Portion): PortionState {
  return { portion, state: "loading", next: portion.query, problem: null };
}

function isBundle(page: Bundle | Resource): page is Bundle {
  return page.resourceType === "Bundle";
}
