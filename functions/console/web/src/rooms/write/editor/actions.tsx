/** What can be done with a draft. A button is not taken away while it works, so that the focus stays on it. */

import type { ComponentChildren } from "preact";

import { type Draft, isChanged } from "./drafts.ts";
import { FORMATS } from "../formats.ts";
import type { Rights } from "../rights.ts";
import type { Writing } from "./use-writing.ts";

export function Actions({ draft, rights, writing, onDelete }: {
  readonly draft: Draft;
  readonly rights: Rights;
  readonly writing: Writing;
  readonly onDelete: () => void;
}) {
  const { id, isDeleted } = draft;
  const isBusy = writing.task.isRunning;
  const isNew = id === null;
  const mayWrite = isNew ? rights.mayCreate : rights.mayUpdate;
  return (
    <div class="row">
      {mayWrite && (
        <Action kind="main" isBusy={isBusy} onClick={writing.save}>
          {isNew ? "Create" : isDeleted ? "Bring it back" : "Save"}
        </Action>
      )}
      {mayWrite && <Action kind="" isBusy={isBusy} onClick={writing.layOut}>Format {FORMATS[draft.format].title}</Action>}
      {mayWrite && isChanged(draft) && <Action kind="" isBusy={isBusy} onClick={writing.discard}>Undo my changes</Action>}
      {rights.mayDelete && !isNew && !isDeleted && <Action kind="danger" isBusy={isBusy} onClick={onDelete}>Delete…</Action>}
    </div>
  );
}

function Action({ kind, isBusy, onClick, children }: {
  readonly kind: "main" | "danger" | "";
  readonly isBusy: boolean;
  readonly onClick: () => void;
  readonly children: ComponentChildren;
}) {
  return (
    <button type="button" class={kind} aria-disabled={isBusy} onClick={() => !isBusy && onClick()}>
      {children}
    </button>
  );
}
