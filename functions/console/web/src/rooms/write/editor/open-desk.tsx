/** Gets what is to be worked at: the draft that was left, a starter, or the resource as it is now. */

import { useEffect, useLayoutEffect } from "preact/hooks";

import { TaskState, useTask } from "../../../parts/task.tsx";
import { Closed } from "../closed.tsx";
import type { Rights } from "../rights.ts";
import { Desk } from "./desk.tsx";
import { draftAt, type DraftPlace, forget, isChanged, keep } from "./drafts.ts";
import { opened } from "./opening.ts";

export function OpenDesk({ place, rights }: { readonly place: DraftPlace; readonly rights: Rights }) {
  const { type, id } = place;
  const draft = draftAt(place);
  const task = useTask();
  const isClosed = id === null ? !rights.mayCreate : !rights.mayRead;
  const open = () => task.run(async (signal) => keep(await opened(place, "json", signal)));
  useEffect(() => {
    if (!draft && !isClosed) open();
  }, [isClosed, draft === undefined]);
  // What was not touched is read anew the next time. As a layout's it is forgotten at once: another's end comes after the
  // next paint, when the same resource may be open again.
  useLayoutEffect(() => () => {
    const left = draftAt(place);
    if (left && !isChanged(left)) forget(left);
  }, [isClosed]);
  if (draft) return <Desk draft={draft} rights={rights} />;
  if (isClosed) {
    return <Closed reason={id === null ? rights.closed : `It is read first, and this token does not read ${type}: it takes ${rights.readScope}.`} />;
  }
  return <TaskState task={task} again={open}>Opening it…</TaskState>;
}
