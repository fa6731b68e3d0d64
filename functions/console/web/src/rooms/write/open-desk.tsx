/** Gets what is to be worked at: the draft that was left, a starter, or the resource as it is now. */

import { useEffect } from "preact/hooks";

import { today } from "../../fhir/dates.ts";
import { TaskState, useTask } from "../../parts/task.tsx";
import { ProblemError } from "../../service/problem.ts";
import { session } from "../../service/session.ts";
import { lastVersion, read, somePatient } from "./calls.ts";
import { Closed } from "./closed.tsx";
import { Desk } from "./desk.tsx";
import { type Draft, draftAt, draftOf, forget, isChanged, keep, newDraft } from "./drafts.ts";
import { asWriting } from "./refusals.ts";
import type { Rights } from "./rights.ts";
import { needsPatient, starterOf } from "./starters.ts";

export function OpenDesk({ type, id, rights }: { readonly type: string; readonly id: string | null; readonly rights: Rights }) {
  const draft = draftAt(type, id);
  const task = useTask();
  const isClosed = id === null ? !rights.mayCreate : !rights.mayRead;
  const open = () =>
    task.run(async (signal) => keep(id === null ? await begun(type, signal) : await found(type, id, signal)));
  useEffect(() => {
    if (!draft && !isClosed) open();
    return () => {
      // What was not touched is read anew the next time.
      const left = draftAt(type, id);
      if (left && !isChanged(left)) forget(left);
    };
  }, [isClosed]);
  if (draft) return <Desk draft={draft} rights={rights} />;
  if (isClosed) {
    return <Closed reason={id === null ? rights.closed : `It is read first, and this token does not read ${type}: it takes ${rights.readScope}.`} />;
  }
  return <TaskState task={task} again={open}>Opening it…</TaskState>;
}

/** Returns a new resource, about a patient that the token knows where it has to be about one. */
async function begun(type: string, signal: AbortSignal): Promise<Draft> {
  if (!needsPatient(type)) return newDraft(type, starterOf(type, null, today()));
  const bound = session.value?.token.claims.patient;
  const patient = bound ?? (await somePatient(signal));
  return newDraft(type, starterOf(type, patient, today()), bound === undefined ? aboutWhom(patient) : "");
}

function aboutWhom(patient: string | null): string {
  return patient === null
    ? "It has to name the patient whom it is about: put the id in the place of id-of-the-patient."
    : `It is about Patient/${patient}, whom the token finds first. Name another if it is to be about another.`;
}

/** Returns a resource as it is now, or as it was last if it is deleted. */
async function found(type: string, id: string, signal: AbortSignal): Promise<Draft> {
  try {
    return draftOf(type, await read(type, id, signal));
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    if (error.problem.status !== 410) throw new ProblemError(asWriting(error.problem));
    const text = await lastVersion(type, id, signal);
    if (text === null) throw error;
    return { ...newDraft(type, text, "It is deleted. This is what it was last."), id, isDeleted: true };
  }
}
