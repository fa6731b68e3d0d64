/** One resource at work: its text, what is wrong with it, what can be done, and its history. */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";

import { TaskState } from "../../parts/task.tsx";
import { VersionHistory } from "../../parts/versions/version-history.tsx";
import { Actions } from "./actions.tsx";
import { Closed } from "./closed.tsx";
import { ConflictPanel } from "./conflict-panel.tsx";
import { DeletePanel } from "./delete-panel.tsx";
import { DraftState } from "./draft-state.tsx";
import type { Draft } from "./drafts.ts";
import { FaultList } from "./fault-list.tsx";
import { marksOf } from "./faults.ts";
import { focusHeading } from "./heading.tsx";
import { type EditorHandle, JsonEditor } from "./json-editor.tsx";
import type { Rights } from "./rights.ts";
import { useUnloadGuard, useWriting } from "./use-writing.ts";

export function Desk({ draft, rights }: { readonly draft: Draft; readonly rights: Rights }) {
  const { type, id, text, version, isDeleted, outcome } = draft;
  const writing = useWriting(draft, rights.mayRead);
  const [isDeleting, setDeleting] = useState(false);
  const editor = useRef<EditorHandle | null>(null);
  const marks = useMemo(() => marksOf(writing.faults), [writing.faults]);
  const mayWrite = id === null ? rights.mayCreate : rights.mayUpdate;
  useUnloadGuard(draft);
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
        <JsonEditor
          key={mayWrite ? "open" : "closed"}
          label={`${type} as JSON. Tab leaves the editor, F8 goes to the next fault.`}
          text={text}
          revision={draft.revision}
          faults={marks}
          isReadOnly={!mayWrite}
          handle={editor}
          onText={writing.type}
          onSave={() => mayWrite && writing.save()}
        />
        {writing.faults.length > 0 && (
          <FaultList faults={writing.faults} problem={writing.refusal} onChosen={(range) => editor.current?.show(range)} />
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
          />
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
