/** What was typed into a correction and left: it is gone on with here, wherever its entry stands. */

import { useState } from "preact/hooks";

import { type FormDraft, forgetForm, leftForms } from "../../write/forms/form-drafts.ts";
import { useOpenRecord } from "../open-record.ts";
import { OpenedEntry } from "./opened-entry.tsx";
import type { Deed } from "./use-correction.ts";

export function UnsavedCorrections() {
  const { id, resources } = useOpenRecord();
  const [taken, setTaken] = useState<FormDraft | null>(null);
  const left = leftForms().filter(({ room, patient }) => room === "record" && patient === id);
  const [deed, path] = (taken?.key ?? "").split(" ");
  const resource = path === undefined ? undefined : resources.get(path);
  if (!left.length && !resource) return null;
  return (
    <section class="notice unsaved" aria-label="Not saved yet">
      {left.length > 0 && <p>What you have typed is kept in this tab, and not saved yet:</p>}
      {left.map((each) => (
        <div key={each.key} class="row">
          <span class="wrap">{each.title}</span>
          {resources.has(each.key.split(" ")[1] ?? "") && <button type="button" class="small" onClick={() => setTaken(each)}>Go on with it</button>}
          <button type="button" class="small" onClick={() => forgetForm(each.key)}>Throw it away</button>
        </div>
      ))}
      {taken && resource && (
        <div class="entry-whole">
          <p><strong class="wrap">{taken.title}</strong></p>
          <OpenedEntry key={taken.key} resource={resource} begin={deed as Deed} />
          <div class="row"><button type="button" class="small" onClick={() => setTaken(null)}>Close</button></div>
        </div>
      )}
    </section>
  );
}
