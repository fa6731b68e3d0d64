/** Has a text in the other format. What was typed is not converted, so that nothing of it is lost on the way. */

import { type Task, TaskState, useTask } from "../../../parts/task.tsx";
import { type Format, FORMATS } from "../formats.ts";
import { type Draft, isChanged, keep } from "./drafts.ts";
import { inFormat } from "./opening.ts";

const ORDER: readonly Format[] = ["json", "xml"];

export function FormatSwitch({ draft, isBusy }: { readonly draft: Draft; readonly isBusy: boolean }) {
  const task: Task = useTask();
  const isFixed = isBusy || task.isRunning || isChanged(draft);
  const take = (format: Format) => task.run(async (signal) => keep(await inFormat(draft, format, signal)));
  return (
    <>
      <div class="row" role="group" aria-label="Format">
        {ORDER.map((format) => (
          <button
            key={format}
            type="button"
            class="small choice"
            aria-pressed={draft.format === format}
            aria-disabled={isFixed && draft.format !== format}
            onClick={() => !isFixed && draft.format !== format && take(format)}
          >
            {FORMATS[format].title}
          </button>
        ))}
        {isChanged(draft) && <span class="quiet">Save or undo your changes to change the format.</span>}
      </div>
      <TaskState task={task}>Reading it in the other format…</TaskState>
    </>
  );
}
