/** One resource: as a search has shown it, or read by itself; and what was included with it. */

import { useEffect, useState } from "preact/hooks";

import type { Resource } from "../../fhir/datatypes.ts";
import { titleOf } from "../../fhir/titles.ts";
import { SERVED_TYPES } from "../../oauth/grants.ts";
import { BoundedList } from "../../parts/resource/bounded-list.tsx";
import { Rendered } from "../../parts/resource/rendered.tsx";
import { ResourceView } from "../../parts/resource/resource-view.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { VersionHistory } from "../../parts/versions/version-history.tsx";
import { ask } from "../../service/api.ts";
import { announce } from "../../shell/announcements.tsx";
import { addressOf } from "../../shell/router.ts";
import { nameOf } from "./included.ts";
import { callOf, LastRequest } from "./last-request.tsx";
import { keepCall } from "./state.ts";

const MAX_INCLUDED = 50;

interface Read {
  readonly resource: Resource;
  readonly etag?: string | undefined;
}

export function OpenResource({ type, id, shown, included = [] }: {
  readonly type: string;
  readonly id: string;
  /** The match of a search that is shown; without it the resource is read. */
  readonly shown?: Resource;
  readonly included?: readonly Resource[];
}) {
  const [read, setRead] = useState<Read | null>(null);
  const [hasHistory, setHistory] = useState(false);
  const task = useTask();
  // Beside a table it is the table's last request.
  const view = shown ? type : `${type}/${id}`;
  const load = () =>
    task.run(async (signal) => {
      const call = callOf(`${type}/${encodeURIComponent(id)}`);
      keepCall(view, call);
      const answer = await ask({ to: call.url, headers: { Accept: "application/fhir+json" }, signal });
      setRead({ resource: JSON.parse(answer.text) as Resource, etag: answer.headers["etag"] });
      announce(`${type} ${id} was read.`);
    });
  useEffect(() => {
    if (!shown) load();
  }, []);
  const isVersioned = SERVED_TYPES.find((each) => each.name === type)?.versioned ?? true;
  const { resource, etag } = read ?? { resource: shown, etag: undefined };
  return (
    <div class="opened">
      {!shown && <LastRequest view={view} />}
      <TaskState task={task} again={load}>Reading {type} {id}…</TaskState>
      {resource && (
        <ResourceView
          resource={resource}
          etag={etag}
          actions={
            <>
              <button type="button" class="small" disabled={task.isRunning} onClick={load}>
                {read ? "Read again" : "Read by itself"}
              </button>
              {isVersioned && (
                <button
                  type="button"
                  class="small"
                  aria-expanded={hasHistory}
                  onClick={() => setHistory(!hasHistory)}
                >
                  Versions
                </button>
              )}
              {shown && <a class="button small" href={addressOf("explore", type)}>Close</a>}
            </>
          }
        />
      )}
      {resource && hasHistory && (
        <section class="card" aria-label="History">
          <h2>History of {type}/{id}</h2>
          <VersionHistory type={type} id={id} latest={resource.meta?.versionId} />
        </section>
      )}
      {included.length > 0 && <Included resources={included} />}
    </div>
  );
}

function Included({ resources }: { readonly resources: readonly Resource[] }) {
  return (
    <section class="card" aria-label="Included with it">
      <h2>Included with it</h2>
      <BoundedList items={resources} limit={MAX_INCLUDED} what="resources">
        {(some) => (
          <ul class="included">
            {some.map((each) => (
              <li key={nameOf(each)}>
                <IncludedOne resource={each} />
              </li>
            ))}
          </ul>
        )}
      </BoundedList>
    </section>
  );
}

function IncludedOne({ resource }: { readonly resource: Resource }) {
  const [isOpen, setOpen] = useState(false);
  const name = nameOf(resource);
  const title = titleOf(resource);
  return (
    <details class="more" onToggle={(toggle) => setOpen(toggle.currentTarget.open)}>
      <summary class="wrap">
        {title || name} {title && <code>{name}</code>}
      </summary>
      {isOpen && (
        <>
          <p>
            <a href={addressOf("explore", resource.resourceType, resource.id ?? "")}>Open {name}</a>
          </p>
          <Rendered resource={resource} />
        </>
      )}
    </details>
  );
}
