/** The one form by which an entry is corrected or told to be in error: each value beside the recorded one, and the reason. */

import { useLayoutEffect, useRef } from "preact/hooks";

import { DoubtsPanel } from "../../../parts/doubts-panel.tsx";
import { ProblemPanel } from "../../../parts/problem-panel.tsx";
import { TaskState } from "../../../parts/task.tsx";
import { addressOf } from "../../../shell/router.ts";
import { unreadable } from "../../write/forms/form-field.tsx";
import { FormFields } from "../../write/forms/form-fields.tsx";
import { useUnloadGuard } from "../../write/unload-guard.ts";
import type { CorrectedType } from "../record-plan.ts";
import { REASON_FIELD } from "./correctable.ts";
import { type Deed, useCorrection } from "./use-correction.ts";

const WORDS: Readonly<Record<Deed, { readonly title: string; readonly text: string; readonly save: string }>> = {
  correct: { title: "Correct it", text: "The former version stays in the history.", save: "Save the correction" },
  "in-error": {
    title: "Entered in error",
    text: "It stays in the record, struck through, and counts no more. It can be brought back.",
    save: "Record it as entered in error",
  },
  "not-in-error": { title: "Bring it back", text: "It gets the status that it had before.", save: "Bring it back" },
};

/** A patient has no entry of which it is told, but a record. */
const PATIENT_WORDS: Readonly<Partial<Record<Deed, { readonly text: string; readonly save: string }>>> = {
  "in-error": {
    text: "The record is marked as not in use (STU3's active: false), as a patient has no status of its own. All of it stays, and it can be brought back. What belongs to somebody else is moved there by an operator.",
    save: "Mark the record as not in use",
  },
};

export function CorrectionForm({ deed, type, id, title, onClose }: {
  readonly deed: Deed;
  readonly type: CorrectedType;
  readonly id: string;
  /** What is corrected, in a few words. */
  readonly title: string;
  readonly onClose: () => void;
}) {
  const work = useCorrection(deed, { type, id, title: `${WORDS[deed].title}: ${title}` }, onClose);
  const { task, fields, elsewhere, values, atFields, refusal, notice, doubts } = work;
  const place = useRef<HTMLFormElement>(null);
  const isOpen = fields !== null;
  useUnloadGuard(work.isTouched);
  useLayoutEffect(() => {
    if (isOpen) place.current?.querySelector<HTMLElement>("input, select")?.focus();
  }, [isOpen]);
  useLayoutEffect(() => {
    place.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [atFields]);
  if (!fields) return <TaskState task={task} again={work.open}>Reading it…</TaskState>;
  const shared = { values, atFields, isFixed: task.isRunning, onValue: work.fill };
  const words = { ...WORDS[deed], ...(type === "Patient" && PATIENT_WORDS[deed]) };
  return (
    <form
      class="card fields correction"
      noValidate
      aria-label={`${words.title}: ${title}`}
      ref={place}
      onKeyDown={(key) => {
        if (key.key !== "Escape" || task.isRunning) return;
        key.stopPropagation();
        onClose();
      }}
      onSubmit={(submit) => {
        submit.preventDefault();
        work.send(unreadable(submit.currentTarget));
      }}
    >
      <p class="quiet">{words.text}</p>
      {fields.length > 0 && <FormFields {...shared} fields={fields} />}
      {elsewhere.map(({ text, isWritten }) => (
        <p key={text} class="quiet">{text} {isWritten && <a href={addressOf("write", type, id)}>{type}/{id} in Write</a>}</p>
      ))}
      <FormFields {...shared} fields={[REASON_FIELD]} />
      {notice && <p class="notice">{notice}</p>}
      {refusal && <ProblemPanel problem={refusal} />}
      {doubts.length > 0 && (
        <DoubtsPanel
          doubts={doubts}
          label="Save it all the same"
          isBusy={task.isRunning}
          onConfirmed={() => place.current && work.send(unreadable(place.current), doubts)}
        />
      )}
      <TaskState task={task}>Saving it…</TaskState>
      <div class="row">
        <button type="submit" class="main" aria-disabled={task.isRunning}>{words.save}</button>
        <button
          type="button"
          aria-disabled={task.isRunning}
          onClick={() => {
            if (task.isRunning) return;
            work.forget();
            onClose();
          }}
        >
          Cancel
        </button>
      </div>
    </form>
  );
}
