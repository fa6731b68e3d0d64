/** What refused kick-offs mean, where the words of other requests would mislead. */

import { ProblemError } from "../../service/problem.ts";

const WORDS: Readonly<Record<number, readonly [title: string, remedy: string]>> = {
  404: ["There is no export here.", "Who runs this server has switched it off."],
  422: ["A patient is not there.", "Check the ids: each has to be of a patient who has a record. Nothing was started."],
};

/** Does what starts an export, and rejects with the refusal in this room's words. */
export async function inKickOffWords(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const words = error instanceof ProblemError ? WORDS[error.problem.status] : undefined;
    if (!(error instanceof ProblemError) || !words) throw error;
    const [title, remedy] = words;
    throw new ProblemError({ ...error.problem, title, remedy });
  }
}
