/** Several requests in one: the Bundle's text, what is wrong with it, and what became of each entry. */

import { useMemo, useRef, useState } from "preact/hooks";

import { today } from "../../../fhir/dates.ts";
import { TaskState, useTask } from "../../../parts/task.tsx";
import { type Problem, ProblemError } from "../../../service/problem.ts";
import { announce } from "../../../shell/announcements.tsx";
import { sendBundle } from "../calls.ts";
import { type Draft, draftAt, isChanged, keep, newDraft, withText } from "../editor/drafts.ts";
import { FaultList } from "../editor/fault-list.tsx";
import { type Fault, faultsOfAnswer, faultsOfText, marksOf } from "../editor/faults.ts";
import { type EditorHandle, TextEditor } from "../editor/text-editor.tsx";
import { FORMATS } from "../formats.ts";
import { BUNDLE } from "../place.ts";
import { asBundle, isOfText, UNCERTAIN } from "../refusals.ts";
import type { Rights } from "../rights.ts";
import { useUnloadGuard } from "../unload-guard.ts";
import { EntryList } from "./entry-list.tsx";
import { type EntryResult, resultsOf, summaryOf } from "./entry-results.ts";
import { meaningOf } from "./meaning.ts";
import { starterBundle } from "./starter-bundle.ts";

const NO_FAULTS: readonly Fault[] = [];

export function BundleDesk({ rights, bound }: { readonly rights: readonly Rights[]; readonly bound: string | undefined }) {
  const task = useTask();
  const editor = useRef<EditorHandle | null>(null);
  const isBusy = useRef(false);
  const [starter] = useState(() => newDraft(BUNDLE, starterBundle(rights, bound, today())));
  const [faults, setFaults] = useState(NO_FAULTS);
  const [refusal, setRefusal] = useState<Problem | null>(null);
  const [results, setResults] = useState<readonly EntryResult[] | null>(null);
  const [isUncertain, setUncertain] = useState(false);
  const marks = useMemo(() => marksOf(faults), [faults]);
  const now = (): Draft => draftAt(starter) ?? starter;
  const draft = now();
  const { text } = draft;
  useUnloadGuard(isChanged(draft));

  const send = () => {
    // What is under way is not begun again, by whatever key: all of it would be done twice.
    if (isBusy.current) return;
    const broken = faultsOfText(text, "json");
    setFaults(broken);
    setRefusal(null);
    setResults(null);
    setUncertain(false);
    task.clear();
    if (broken.length) return;
    isBusy.current = true;
    task.run(async (signal) => {
      try {
        const found = resultsOf(text, await sendBundle(text, signal));
        // What was typed while the answer was on its way is typed, and not sent.
        keep({ ...now(), origin: text });
        setResults(found);
        announce(summaryOf(found));
      } catch (error) {
        setUncertain(signal.aborted || (error instanceof ProblemError && error.problem.status === 0));
        if (!(error instanceof ProblemError) || !isOfText(error.problem) || !error.problem.details.length) throw error;
        const refused = asBundle(error.problem);
        setRefusal(refused);
        setFaults(faultsOfAnswer(refused, text, "json"));
        announce(`${refused.title} ${refused.remedy}`);
      } finally {
        isBusy.current = false;
      }
    });
  };
  return (
    <>
      <section class="card" aria-label="A Bundle">
        <p>{meaningOf(text)}</p>
        <p class="quiet keys">
          <kbd>Tab</kbd> leaves the editor, <kbd>Ctrl S</kbd> sends, <kbd>Ctrl F</kbd> finds, <kbd>F8</kbd> goes to the next fault.
        </p>
        <TextEditor
          label="Bundle as JSON. Tab leaves the editor, F8 goes to the next fault."
          format="json"
          text={text}
          revision={draft.revision}
          faults={marks}
          isReadOnly={false}
          handle={editor}
          onText={(typed) => keep({ ...now(), text: typed })}
          onSave={send}
        />
        {faults.length > 0 && (
          <FaultList faults={faults} problem={refusal} format="JSON" onChosen={(range) => editor.current?.show(range)} />
        )}
        <div class="outcome" role="status">{isUncertain && <p class="notice wrap">{UNCERTAIN}</p>}</div>
        <TaskState task={task} again={send}>Waiting for the server…</TaskState>
        <div class="row">
          <button type="button" class="main" aria-disabled={task.isRunning} onClick={send}>Send</button>
          <button type="button" onClick={() => keep(withText(draft, FORMATS.json.laidOut(text)))}>Format JSON</button>
          {text !== starter.text && <button type="button" onClick={() => keep(withText(starter, starter.text))}>Begin anew</button>}
        </div>
      </section>
      {results && <EntryList results={results} onChosen={(range) => editor.current?.show(range)} />}
    </>
  );
}
