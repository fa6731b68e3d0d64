/** How far the matrix is, and how many of the answers are as promised. */

import { isKept, type Question, type Verdict } from "./promise.ts";

export interface Tally {
  readonly questions: number;
  readonly answers: number;
  readonly kept: number;
}

/** Counts what was answered; `null` stands for a question that was not. */
export function tallyOf(cells: Iterable<{ readonly question: Question; readonly verdict: Verdict | null }>): Tally {
  let [questions, answers, kept] = [0, 0, 0];
  for (const { question, verdict } of cells) {
    questions++;
    if (verdict === null) continue;
    answers++;
    if (isKept(question, verdict)) kept++;
  }
  return { questions, answers, kept };
}

/** Returns the outcome as a sentence or two; while it goes on, how far it is. */
export function summaryOf({ questions, answers, kept }: Tally): string {
  if (answers === 0) return `${questions} questions, none asked yet.`;
  const missing = questions - answers;
  const rest = missing ? ` ${missing} ${missing === 1 ? "question is" : "questions are"} unanswered.` : "";
  return `${kept} of ${answers} ${answers === 1 ? "answer is" : "answers are"} as promised.${rest}`;
}
