/** One form, for the patient who was chosen or a new one: its fields, what will be sent, and what has come of it. */

import { useLayoutEffect, useRef } from "preact/hooks";

import { DoubtsPanel } from "../../../parts/doubts-panel.tsx";
import { ProblemPanel } from "../../../parts/problem-panel.tsx";
import { TaskState } from "../../../parts/task.tsx";
import { addressOf, go } from "../../../shell/router.ts";
import { keep, newDraft } from "../editor/drafts.ts";
import { pathOfEditor } from "../place.ts";
import type { Rights } from "../rights.ts";
import { useUnloadGuard } from "../unload-guard.ts";
import { unreadable } from "./form-field.tsx";
import { FormFields } from "./form-fields.tsx";
import type { FormType } from "./titles.ts";
import { FORM_TITLES } from "./titles.ts";
import { type Recorded, useForm } from "./use-form.ts";

export function FormDesk({ type, patient, rights }: { readonly type: FormType; readonly patient: string; readonly rights: Rights }) {
  const work = useForm(type, patient, rights);
  const { draft, fields, text, task, atFields, refusal, recorded, doubts } = work;
  const place = useRef<HTMLFormElement>(null);
  useUnloadGuard(draft.isTouched && !recorded);
  useLayoutEffect(() => {
    place.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [atFields]);
  if (recorded) return <Outcome type={type} patient={patient} recorded={recorded} again={work.begin} />;
  return (
    <form
      class="card fields"
      noValidate
      aria-label={FORM_TITLES[type]}
      ref={place}
      onSubmit={(submit) => {
        submit.preventDefault();
        work.send(unreadable(submit.currentTarget));
      }}
    >
      <FormFields fields={fields} values={draft.values} atFields={atFields} isFixed={task.isRunning} onValue={work.fill} />
      {refusal && <ProblemPanel problem={refusal} />}
      {doubts.length > 0 && (
        <DoubtsPanel
          doubts={doubts}
          label="Record it all the same"
          isBusy={task.isRunning}
          onConfirmed={() => place.current && work.send(unreadable(place.current), doubts)}
        />
      )}
      {draft.isUncertain && !task.isRunning && (
        <p class="notice bad" role="status">
          No answer has come: whether it was recorded is not known.{" "}
          {rights.mayCreateOnce ? "Record it again: it is recorded once, however often it is sent." : "Look in the record before you record it again."}
        </p>
      )}
      <TaskState task={task}>Recording it…</TaskState>
      <div class="row">
        <button type="submit" class="main" aria-disabled={task.isRunning}>Record it</button>
        <button
          type="button"
          aria-disabled={task.isRunning}
          onClick={() => {
            if (task.isRunning) return;
            const whose = patient === "" ? null : patient;
            keep(newDraft(type, text, whose, rights.mayCreateOnce ? draft.once : null));
            go("write", ...pathOfEditor({ type, id: null, patient: whose }));
          }}
        >
          Edit as JSON
        </button>
      </div>
      <details class="more">
        <summary>Show what will be sent</summary>
        <pre class="code source" tabIndex={0} role="region" aria-label="What will be sent">{text}</pre>
      </details>
    </form>
  );
}

function Outcome({ type, patient, recorded: { summary, created }, again }: {
  readonly type: FormType;
  readonly patient: string;
  readonly recorded: Recorded;
  readonly again: () => void;
}) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    heading.current?.focus();
    window.scrollTo(0, 0);
  }, []);
  return (
    <section class="notice good recorded" aria-labelledby="recorded-heading">
      <h3 id="recorded-heading" class="wrap" tabIndex={-1} ref={heading}>Recorded: {summary}</h3>
      {created.wasThere && <p>An earlier attempt had recorded it. What you have changed since that attempt is not in it.</p>}
      <div class="row">
        {patient === ""
          ? <a class="button" href={addressOf("record", created.id)}>Open the record</a>
          : <a class="button" href={addressOf("record", patient)}>Back to the record</a>}
        <button type="button" onClick={again}>{FORM_TITLES[type]}</button>
        <a class="wrap" href={addressOf("write", type, created.id)}>{type}/{created.id}</a>
      </div>
    </section>
  );
}
