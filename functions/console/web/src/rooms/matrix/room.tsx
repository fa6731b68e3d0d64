/** Room 2: the matrix of clients and types as the server answers it now, against what is promised. */

import { useEffect, useState } from "preact/hooks";

import { ProblemPanel } from "../../parts/problem-panel.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { addressOf } from "../../shell/router.ts";
import { MatrixTable } from "./matrix-table.tsx";
import { askAll, type Row, rowsFor } from "./rows.ts";
import { summaryOf, type Tally, tallyOf } from "./tally.ts";

export default function MatrixRoom() {
  const [rows, setRows] = useState<readonly Row[] | null>(null);
  const listing = useTask();
  const one = session.value;
  const list = () => listing.run(async (signal) => setRows(await rowsFor(one, signal)));
  useEffect(list, [one]);
  if (!rows) return <TaskState task={listing} again={list}>Finding the clients…</TaskState>;
  return rows.length ? <Matrix key={one?.token.text} rows={rows} hasList={isListOf(rows)} /> : <NobodyToAskFor />;
}

function isListOf(rows: readonly Row[]): boolean {
  return rows.some((each) => !each.isSession);
}

function NobodyToAskFor() {
  return (
    <section class="card" aria-label="Nothing to ask with">
      <p>
        A deployed service has no list of its clients that a page could read, so the matrix has one row: the client
        whose token this page holds. There is none yet.
      </p>
      <p>
        <a class="button" href={addressOf("token")}>Get a token</a>
      </p>
    </section>
  );
}

function Matrix({ rows, hasList }: { readonly rows: readonly Row[]; readonly hasList: boolean }) {
  const task = useTask();
  const ask = () =>
    task.run(async (signal) => {
      try {
        await askAll(rows, signal);
      } finally {
        announce(summaryOf(tally(rows)));
      }
    });
  return (
    <section class="card" aria-labelledby="matrix-heading">
      <h2 id="matrix-heading">Clients and types</h2>
      <p>
        {hasList
          ? "Each client gets a token of its own by the real /token; with it, each cell is one real search."
          : "A deployed service has no list of its clients that a page could read: this is the one client whose token the page holds. Each cell is one real search with it."}{" "}
        An answer is held against what the client is promised. Open a cell to see the request, the answer, and why.
      </p>
      <div class="row apart">
        {/* One button, so that whoever pressed it with the keyboard is still on it. */}
        <button type="button" class={task.isRunning ? "" : "main"} onClick={task.isRunning ? task.stop : ask}>
          {task.isRunning ? "Stop" : "Ask the server"}
        </button>
        <Progress rows={rows} isRunning={task.isRunning} />
      </div>
      {task.problem && <ProblemPanel problem={task.problem} again={ask} />}
      <Legend />
      <MatrixTable rows={rows} />
    </section>
  );
}

function Progress({ rows, isRunning }: { readonly rows: readonly Row[]; readonly isRunning: boolean }) {
  const now = tally(rows);
  return (
    <div class="row matrix-progress">
      {isRunning && (
        <progress max={now.questions} value={now.answers} aria-label="Answers">
          {now.answers} of {now.questions}
        </progress>
      )}
      <strong class={now.kept < now.answers ? "fault" : ""} data-testid="matrix-summary">{summaryOf(now)}</strong>
    </div>
  );
}

function Legend() {
  return (
    <ul class="matrix-legend quiet">
      <li><span class="badge good">✓ open</span> the server lets it through</li>
      <li><span class="badge closed">✗ closed</span> 403: the token does not open the type</li>
      <li><span class="badge bad">! not as promised</span> the answer is another than promised</li>
    </ul>
  );
}

function tally(rows: readonly Row[]): Tally {
  return tallyOf(rows.flatMap((row) => row.cells.value));
}
