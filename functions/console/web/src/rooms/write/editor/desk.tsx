/** One resource at work: its text, what is wrong with it, what can be done, and its history. */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { DeletePanel } from "../../../parts/delete-panel.tsx";
import { TaskState } from "../../../parts/task.tsx";
import { VersionHistory } from "../../../parts/versions/version-history.tsx";
import { Closed } from "../closed.tsx";
import { FORMATS } from "../formats.ts";
import { focusHeading } from "../heading.tsx";
import type { Rights } from "../rights.ts";
import { useUnloadGuard } from "../unload-guard.ts";
import { Actions } from "./actions.tsx";
import { ConflictPanel } from "./conflict-panel.tsx";
import { DraftState } from "./draft-state.tsx";
import { type Draft, isChanged } from "./drafts.ts";
import { FaultList } from "./fault-list.tsx";
import { marksOf } from "./faults.ts";
import { FormatSwitch } from "./format-switch.tsx";
import { type EditorHandle, TextEditor } from "./text-editor.tsx";
import { useWriting } from "./use-writing.ts";

export function Desk({ draft, rights }: { readonly draft: Draft; readonly rights: Rights }) {
  const { type, id, text, format, version, isDeleted, outcome } = draft;
  const { title } = FORMATS[format];
  const writing = useWriting(draft, rights.mayRead);
  const [isDeleting, setDeleting] = useState(false);
  const editor = useRef<EditorHandle | null>(null);
  const marks = useMemo(() => marksOf(writing.faults), [writing.faults]);
  const mayWrite = id === null ? rights.mayCreate : rights.mayUpdate;
  useUnloadGuard(isChanged(draft));
  const isFirst = useRef(true);
  useLayoutEffect(() => {
    // Where what had the focus has gone, it goes to the beginning of the room, and not to that of the page.
    if (!isFirst.current && document.activeElement === document.body) focusHeading();
    isFirst.current = false;
  }, [isDeleting, isDeleted, writing.conflict, outcome]);
  return (
    <>
      <section class="card" aria-label={id === null ? `A new ${type}` : `${type} ${id}`}>
        <DraftState draft={draft} />
        {!mayWrite && <Closed reason={rights.closed} />}
        <p class="quiet keys">
          <kbd>Tab</kbd> leaves the editor, <kbd>Ctrl S</kbd> saves, <kbd>Ctrl F</kbd> finds, <kbd>F8</kbd> goes to the next fault.
        </p>
        {(id === null || rights.mayRead) && <FormatSwitch draft={draft} isBusy={writing.task.isRunning} />}
        <TextEditor
          key={`${format} ${mayWrite ? "open" : "closed"}`}
          label={`${type} as ${title}. Tab leaves the editor, F8 goes to the next fault.`}
          format={format}
          text={text}
          revision={draft.revision}
          faults={marks}
          isReadOnly={!mayWrite}
          handle={editor}
          onText={writing.type}
          onSave={() => mayWrite && writing.save()}
        />
        {writing.faults.length > 0 && (
          <FaultList faults={writing.faults} problem={writing.refusal} format={title} onChosen={(range) => editor.current?.show(range)} />
        )}
        {writing.conflict && <ConflictPanel conflict={writing.conflict} mine={text} onSettled={writing.settle} />}
        <div class="outcome" role="status">{outcome && <p class="notice wrap">{outcome}</p>}</div>
        <TaskState task={writing.task}>Waiting for the server…</TaskState>
        {isDeleting ? (
          <DeletePanel
            name={`${type}/${id ?? ""}`}
            onSure={() => {
              setDeleting(false);
              writing.remove();
            }}
            onKept={() => setDeleting(false)}
          >
            It is found no more. Its versions stay in its history, and it can be brought back from there.
          </DeletePanel>
        ) : (
          <Actions draft={draft} rights={rights} writing={writing} onDelete={() => setDeleting(true)} />
        )}
      </section>
      {id !== null && (
        <div class="card">
          <VersionHistory type={type} id={id} latest={version ?? (isDeleted ? "deleted" : undefined)} />
        </div>
      )}
    </>
  );
}
