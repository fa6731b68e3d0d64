/** The files of an export that is complete: what is in them, and how they are saved. */

import { useState } from "preact/hooks";

import { Folded } from "../../parts/folded.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { announce } from "../../shell/announcements.tsx";
import { instantText } from "../audit/period.ts";
import { download } from "./download.ts";
import { type Job, noteSaved, wanted } from "./jobs.ts";
import { fieldOf } from "./kick-off.ts";
import { type ExportedFile, type FileGroup, groupsOf, type Manifest, nameOf } from "./status.ts";

export function ManifestTable({ job, manifest, expires }: { readonly job: Job; readonly manifest: Manifest; readonly expires: string }) {
  const task = useTask();
  const [asked, setAsked] = useState<readonly ExportedFile[]>([]);
  const groups = groupsOf(manifest);
  const all = groups.flatMap(({ files }) => files);
  const left = all.filter(({ url }) => !job.saved.has(url));
  const save = (files: readonly ExportedFile[]) => {
    setAsked(files);
    task.run(async (signal) => {
      await download(files, ({ url }) => noteSaved(job.url, url), signal);
      announce(files.length === 1 ? "The file is saved." : `${files.length} files are saved.`);
    });
  };
  const isBusy = task.isRunning;
  return (
    <>
      <p>
        Complete, as the store was on <strong>{instantText(manifest.transactionTime)}</strong> (UTC).
        {expires && ` The server keeps the files until ${instantText(expires)} (UTC).`}
      </p>
      {all.length === 0 ? <p>There is nothing in it: nothing was found that it asks for.</p> : (
        <div class="stacking">
          {/* The roles are said, as on a phone the rows are cards and would be no table to a screen reader. */}
          <table class="stacked export-files" role="table">
            <caption>{linesText(all)} in {filesText(all)}</caption>
            <thead role="rowgroup">
              <tr role="row">
                {["What", "Lines", "Files"].map((each) => <th key={each} scope="col" role="columnheader">{each}</th>)}
              </tr>
            </thead>
            <tbody role="rowgroup">
              {groups.map((each) => <Group key={each.title} group={each} saved={job.saved} isBusy={isBusy} onSave={save} />)}
            </tbody>
          </table>
        </div>
      )}
      <TaskState task={task} again={() => save(asked.filter(({ url }) => !job.saved.has(url)))}>
        {asked.length > 1 ? `Saving ${asked.length} files, one after the other; ${left.length} of the export are left…` : "Saving…"}
      </TaskState>
      <div class="row">
        {all.length > 1 && (
          <button type="button" class="main" disabled={isBusy} onClick={() => save(left.length ? left : all)}>
            {left.length && left.length < all.length ? `Download the other ${filesText(left)}` : `Download all ${all.length} files`}
          </button>
        )}
        <button type="button" onClick={() => exportSince(manifest.transactionTime)}>Export what changes since</button>
        {all.length > 1 && <span class="quiet">The browser may ask whether this page may save several files.</span>}
      </div>
    </>
  );
}

function Group({ group: { title, files, count }, saved, isBusy, onSave }: {
  readonly group: FileGroup;
  readonly saved: ReadonlySet<string>;
  readonly isBusy: boolean;
  readonly onSave: (files: readonly ExportedFile[]) => void;
}) {
  const [only] = files;
  const done = files.filter(({ url }) => saved.has(url)).length;
  const button = (some: readonly ExportedFile[], label: string, name: string) => (
    <button type="button" class="small" aria-label={`${label} ${name}`} disabled={isBusy} onClick={() => onSave(some)}>{label}</button>
  );
  return (
    <tr role="row">
      <th scope="row" role="rowheader">{title}</th>
      <td role="cell" class="figures">{count.toLocaleString("en-GB")}</td>
      <td role="cell">
        <div class="row">
          {button(files, "Download", only && files.length === 1 ? nameOf(only) : `${filesText(files)} of ${title}`)}
          {only && files.length === 1 ? <code class="wrap">{nameOf(only)}</code> : <span>{filesText(files)}</span>}
          {done > 0 && <span class="badge good">{done === files.length ? "saved" : `${done} saved`}</span>}
        </div>
        {files.length > 1 && (
          <Folded class="more" summary="One by one">
            {() => (
              <ul class="export-each">
                {files.map((each) => (
                  <li key={each.url} class="row">
                    {button([each], "Download", nameOf(each))}
                    <code class="wrap">{nameOf(each)}</code>
                    <span class="quiet figures">{linesText([each])}</span>
                    {saved.has(each.url) && <span class="badge good">saved</span>}
                  </li>
                ))}
              </ul>
            )}
          </Folded>
        )}
      </td>
    </tr>
  );
}

/** Fills the form in for what an export after this one lacks: neither gap nor overlap. */
function exportSince(transactionTime: string): void {
  wanted.value = { ...wanted.value, since: fieldOf(transactionTime) };
  document.querySelector<HTMLElement>(".export-since")?.focus();
}

function filesText(files: readonly ExportedFile[]): string {
  return `${files.length.toLocaleString("en-GB")} ${files.length === 1 ? "file" : "files"}`;
}

function linesText(files: readonly ExportedFile[]): string {
  const count = files.reduce((sum, each) => sum + each.count, 0);
  return `${count.toLocaleString("en-GB")} ${count === 1 ? "line" : "lines"}`;
}
