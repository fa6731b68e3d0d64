/** The one form by which an entry is corrected or told to be in error: each value beside the recorded one, and the reason. */

import { useLayoutEffect, useRef } from "preact/hooks";

import { DoubtsPanel } from "../../../parts/doubts-panel.tsx";
import { ProblemPanel } from "../../../parts/problem-panel.tsx";
import { TaskState } from "../../../parts/task.tsx";
import { FormField, unreadable } from "../../write/forms/form-field.tsx";
import { useUnloadGuard } from "../../write/unload-guard.ts";
import type { RecordType } from "../record-plan.ts";
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

export function CorrectionForm({ deed, type, id, title, onClose }: {
  readonly deed: Deed;
  readonly type: RecordType;
  readonly id: string;
  /** What is corrected, in a few words. */
  readonly title: string;
  readonly onClose: () => void;
}) {
  const work = useCorrection(deed, type, id, onClose);
  const { task, fields, values, atFields, refusal, notice, doubts } = work;
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
  const words = WORDS[deed];
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
      <div class="form-fields">
        {fields.map((field) => (
          <FormField
            key={field.name}
            field={field}
            value={values[field.name] ?? ""}
            fault={atFields.get(field.name) ?? ""}
            isFixed={task.isRunning}
            onValue={(value) => work.fill(field.name, value)}
          />
        ))}
      </div>
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
        <button type="button" aria-disabled={task.isRunning} onClick={() => !task.isRunning && onClose()}>Cancel</button>
      </div>
    </form>
  );
}
