/** Writing one resource: what can be done with its draft, and what has come of it. */

import { useEffect, useRef, useState } from "preact/hooks";

import { type Task, useTask } from "../../../parts/task.tsx";
import { type Problem, ProblemError } from "../../../service/problem.ts";
import { announce } from "../../../shell/announcements.tsx";
import { go } from "../../../shell/router.ts";
import { create, readIfThere, remove, type Stored, update } from "../calls.ts";
import { FORMATS } from "../formats.ts";
import { forgetForm, keyOfForm } from "../forms/form-drafts.ts";
import { type Draft, draftAt, draftOf, forget, keep, withText } from "./drafts.ts";
import { type Fault, faultsOfAnswer, faultsOfText } from "./faults.ts";
import { asWriting, isOfText, isStale, UNCERTAIN } from "../refusals.ts";

/** What somebody else has made of the resource meanwhile; `stored` is null if they deleted it. */
export interface Conflict {
  readonly stored: Stored | null;
}

export interface Writing {
  readonly task: Task;
  readonly faults: readonly Fault[];
  /** What the server has refused the text for; null while the faults are the page's own findings. */
  readonly refusal: Problem | null;
  readonly conflict: Conflict | null;
  readonly type: (text: string) => void;
  readonly save: () => void;
  readonly remove: () => void;
  readonly discard: () => void;
  readonly layOut: () => void;
  /** Goes on from the other's version: with one's own text, or with theirs. */
  readonly settle: (whose: "mine" | "theirs") => void;
}

/** How long one has to pause before what is typed is judged: nobody wants a fault for each letter. */
const PAUSE = 400;

export function useWriting(draft: Draft, mayRead: boolean): Writing {
  const task = useTask();
  const [refusal, setRefusal] = useState<Problem | null>(null);
  const [conflict, setConflict] = useState<Conflict | null>(null);
  const [{ faults, isBroken }, judge] = useFaults(draft, refusal);
  const isBusy = useRef(false);
  const { type, id, format, patient } = draft;
  const { laidOut, withId, title } = FORMATS[format];

  const now = () => draftAt(draft) ?? draft;
  const say = (outcome: string) => {
    // A room that was left meanwhile has forgotten a draft that was not touched.
    const kept = draftAt(draft);
    if (kept) keep({ ...kept, outcome });
  };
  // What is under way is not begun again, by whatever key: the second would be a second resource.
  const run = (work: (signal: AbortSignal) => Promise<void>) => {
    if (isBusy.current) return;
    isBusy.current = true;
    setRefusal(null);
    setConflict(null);
    say("");
    task.run(async (signal) => {
      try {
        await work(signal);
      } catch (error) {
        if (signal.aborted || (error instanceof ProblemError && error.problem.status === 0)) say(UNCERTAIN);
        throw error instanceof ProblemError ? new ProblemError(asWriting(error.problem)) : error;
      } finally {
        isBusy.current = false;
      }
    });
  };

  /** Shows who has come before, if that is what a write was refused for. */
  const refused = async (error: unknown, sent: string, signal: AbortSignal) => {
    if (!(error instanceof ProblemError)) throw error;
    const problem = asWriting(error.problem);
    if (id !== null && mayRead && isStale(error.problem)) {
      setConflict({ stored: await readIfThere(type, id, format, signal) });
      announce(`${problem.title} ${problem.remedy}`);
    } else if (isOfText(problem) && problem.details.length) {
      setRefusal(problem);
      judge(sent, problem);
      announce(`${problem.title} ${problem.details.length} named. ${problem.remedy}`);
    } else throw error;
  };

  const save = () => {
    const { text, version, isDeleted } = draft;
    const broken = faultsOfText(text, format);
    if (broken.length) {
      judge(text, null);
      say(`Not sent: this is no ${title} yet. What is wrong is listed above the buttons.`);
      return;
    }
    run(async (signal) => {
      try {
        const stored = id === null ? await create(draft, signal) : await update(type, { id, text, format }, version, signal);
        arrive(stored, text, isDeleted);
      } catch (error) {
        await refused(error, text, signal);
      }
    });
  };

  const arrive = (stored: Stored, sent: string, wasDeleted: boolean) => {
    const { text } = now();
    const saved = draftOf(type, stored, patient, outcomeOf(draft, stored, wasDeleted));
    // What was typed while the answer was on its way is typed, and not saved.
    keep(text === sent ? saved : { ...saved, text: id === null ? withId(text, stored.id) : text });
    if (id === null) {
      forget(draft);
      forgetForm(keyOfForm(type, patient ?? ""));
      announce(saved.outcome);
      go("write", type, stored.id);
    }
  };

  return {
    task,
    faults,
    refusal: isBroken ? null : refusal,
    conflict,
    type: (text) => keep({ ...now(), text }),
    save,
    remove: () =>
      run(async (signal) => {
        if (id === null) return;
        try {
          await remove(type, id, draft.version, signal);
          keep({ ...now(), version: null, isDeleted: true, outcome: "Deleted. Its versions stay, and it can be brought back." });
        } catch (error) {
          await refused(error, draft.text, signal);
        }
      }),
    discard: () => {
      setRefusal(null);
      keep({ ...withText(draft, draft.origin), outcome: "Your changes are undone. Ctrl Z in the editor brings them back." });
    },
    layOut: () => keep(withText(draft, laidOut(draft.text))),
    settle: (whose) => {
      if (!conflict) return;
      const { stored } = conflict;
      const theirs = stored ? draftOf(type, stored, patient) : { ...draft, version: null, isDeleted: true };
      setConflict(null);
      if (whose === "theirs") keep({ ...withText(theirs, theirs.origin), outcome: "This is what the server has." });
      else keep({ ...theirs, text: draft.text, outcome: "Your text is kept. Saved now, it takes the place of theirs." });
    },
  };
}

function outcomeOf({ id, type, version }: Draft, stored: Stored & { readonly wasThere?: boolean }, wasDeleted: boolean): string {
  if (stored.wasThere) return ALREADY;
  if (id === null) return `Created: ${type}/${stored.id}, version ${stored.version}.`;
  if (stored.version === version) return `Nothing was different: it is still version ${stored.version}.`;
  return `${wasDeleted ? "It is back" : "Saved"}: version ${stored.version}.`;
}

/** What it means that a create was answered by a resource that an earlier attempt has made. */
export const ALREADY = "An earlier attempt has created it already, and nothing was created twice. This is what the server has.";

const NONE = { faults: [], isBroken: false };

/** Returns what is wrong with a text after each pause: its format first, then what the server has last said of it. */
function useFaults({ text, format }: Draft, refusal: Problem | null) {
  const [found, setFound] = useState<{ readonly faults: readonly Fault[]; readonly isBroken: boolean }>(NONE);
  const judge = (judged: string, problem: Problem | null) => {
    const broken = faultsOfText(judged, format);
    if (broken.length) setFound({ faults: broken, isBroken: true });
    else setFound(problem ? { faults: faultsOfAnswer(problem, judged, format), isBroken: false } : NONE);
  };
  useEffect(() => {
    const pause = setTimeout(() => judge(text, refusal), PAUSE);
    return () => clearTimeout(pause);
  }, [text, format, refusal]);
  return [found, judge] as const;
}
