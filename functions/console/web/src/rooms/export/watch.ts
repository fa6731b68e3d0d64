/** Asks how an export stands until that is known for good, each time after as long as the server asks to wait. */

import { answerTo, type Call } from "../../service/api.ts";
import { ProblemError } from "../../service/problem.ts";
import { DEFAULT_WAIT, type Said, type Status, statusOf } from "./status.ts";

export interface Means {
  readonly answerTo: (call: Call) => Promise<Said>;
  /** Waits some seconds; rejects once the signal is aborted. */
  readonly pause: (seconds: number, signal: AbortSignal) => Promise<void>;
}

export const MEANS: Means = { answerTo, pause };

/** Tells each status of the job at `url`, up to the one that is final. Rejects once the signal is aborted. */
export async function watch(url: string, tell: (status: Status) => void, signal: AbortSignal, means = MEANS): Promise<void> {
  for (;;) {
    const status = await asked(url, signal, means);
    tell(status);
    if (!("wait" in status)) return;
    await means.pause(status.wait, signal);
  }
}

async function asked(url: string, signal: AbortSignal, means: Means): Promise<Status> {
  try {
    return statusOf(await means.answerTo({ to: url, headers: { Accept: "application/json" }, signal }));
  } catch (error) {
    // The job goes on without this page: a lost connection ends nothing.
    if (error instanceof ProblemError) return { kind: "unknown", problem: error.problem, wait: DEFAULT_WAIT };
    throw error;
  }
}

async function pause(seconds: number, signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("Stopped", "AbortError"));
    }, { once: true });
    signal.throwIfAborted();
  });
}
