/** One export: how far it is, then its files. */

import { useEffect, useRef, useState } from "preact/hooks";

import { CopyButton } from "../../parts/copy-button.tsx";
import { DeletePanel } from "../../parts/delete-panel.tsx";
import { ProblemPanel } from "../../parts/problem-panel.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { ask } from "../../service/api.ts";
import { asServiceSays } from "../../service/place.ts";
import { announce } from "../../shell/announcements.tsx";
import { duration, now } from "../../shell/clock.ts";
import { forgetJob, type Job, noteStatus } from "./jobs.ts";
import { ManifestTable } from "./manifest-table.tsx";
import type { Status } from "./status.ts";
import { watch } from "./watch.ts";

export function JobCard({ job }: { readonly job: Job }) {
  const { url, status } = job;
  const heading = useRef<HTMLHeadingElement>(null);
  const [askedAgain, setAskedAgain] = useState(0);
  const watching = useTask();
  const look = () => watching.run((signal) => watch(url, (next) => {
    noteStatus(url, next);
    setAskedAgain("wait" in next ? Date.now() + next.wait * 1000 : 0);
    if (next.kind === "complete" && status?.kind !== "complete") announce("The export is complete.");
  }, signal));
  useEffect(() => {
    // What has just been started is what the reader waits for.
    if (status === null) heading.current?.focus();
    look();
  }, []);
  return (
    <section class="card export-job" aria-label={`Export ${job.words}`}>
      <h2 tabIndex={-1} ref={heading}>{job.words || "An export that was started elsewhere"}</h2>
      {status?.kind === "complete" ? <ManifestTable job={job} manifest={status.manifest} expires={status.expires} />
        : status?.kind === "over" ? <ProblemPanel problem={status.problem} again={look} />
        : <Progress job={job} status={status} askedAgain={askedAgain} />}
      {watching.problem && <ProblemPanel problem={watching.problem} again={look} />}
      <Ending job={job} isRunning={status === null || "wait" in status} />
    </section>
  );
}

function Progress({ job, status, askedAgain }: {
  readonly job: Job;
  readonly status: Exclude<Status, { readonly kind: "complete" | "over" }> | null;
  /** When the server is asked again, in epoch milliseconds. */
  readonly askedAgain: number;
}) {
  // While the server cannot say it, what it has said before is true still.
  const known = useRef({ percent: 0, progress: "" });
  if (status?.kind === "running") known.current = status;
  const { percent, progress } = known.current;
  return (
    <>
      <div class="row">
        <progress max={100} value={percent} aria-label="Progress">{percent} %</progress>
        <span class="wrap">{progress || "Under way"}</span>
      </div>
      {status?.kind === "unknown" && (
        <p class="notice">{status.problem.title} The export goes on all the same, and the server is asked again.</p>
      )}
      <p class="quiet">
        {job.begun !== null && `For ${duration((now.value - job.begun) / 1000)} now. `}
        {askedAgain > now.value && `Asked again in ${Math.ceil((askedAgain - now.value) / 1000)} s.`}
      </p>
      <p class="quiet">
        It goes on at the server whether or not this page is open. This tab finds it again until you sign out; afterwards
        its URL does, with a token of the same client. Revoking the token that started it ends it.
      </p>
    </>
  );
}

/** How a job is ended: cancelled while it runs, deleted once its files are had. */
function Ending({ job: { url, status }, isRunning }: { readonly job: Job; readonly isRunning: boolean }) {
  const [isAsking, setAsking] = useState(false);
  const task = useTask();
  const end = (done: string) => task.run(async (signal) => {
    await ask({ method: "DELETE", to: url, headers: { Accept: "application/fhir+json" }, signal });
    leave(url, done);
  });
  if (isAsking) {
    const sure = () => {
      setAsking(false);
      end("The export is deleted.");
    };
    return (
      <DeletePanel name="this export" onSure={sure} onKept={() => setAsking(false)}>
        Its files are removed from the server, and nobody can download them any more. What you have saved stays.
      </DeletePanel>
    );
  }
  return (
    <>
      <TaskState task={task}>Waiting for the server…</TaskState>
      <div class="row">
        {isRunning && <button type="button" onClick={() => end("The export is cancelled.")}>Cancel the export</button>}
        {status?.kind === "complete" && <button type="button" class="danger" onClick={() => setAsking(true)}>Delete</button>}
        {status?.kind === "over" ? <button type="button" onClick={() => leave(url, "The export is off the list.")}>Take it off the list</button>
          : <CopyButton label="Copy its URL" text={() => asServiceSays(url)} />}
      </div>
    </>
  );
}

/** Takes a job off the list; the focus, which was in it, goes to the room. */
function leave(url: string, done: string): void {
  forgetJob(url);
  announce(done);
  document.getElementById("main")?.focus();
}
