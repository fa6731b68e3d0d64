/** All versions of one resource: what was done when, what differs between two of them, and each as it was. */

import { useEffect, useState } from "preact/hooks";

import type { Bundle, Resource } from "../../fhir/datatypes.ts";
import { dateText } from "../../fhir/dates.ts";
import { type Comparison, neighbours, type Version, versionsOf } from "../../fhir/history.ts";
import { nextOf } from "../../fhir/bundle.ts";
import { lettersOf, scopeFor } from "../../oauth/grants.ts";
import { askFhir } from "../../service/api.ts";
import { session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { ClosedNote } from "../closed-note.tsx";
import { ResourceView } from "../resource/resource-view.tsx";
import { TaskState, useTask } from "../task.tsx";
import { VersionComparison } from "./version-comparison.tsx";

const PAGE = 20;

interface Lines {
  /** Says in a line what a version holds; without it the list says when each was made alone. */
  readonly lineOf?: (resource: Resource) => string;
  /** Whether a version says that it holds no more, as an entry in error does. */
  readonly isVoid?: (resource: Resource) => boolean;
}

/** Stands below a heading of the second level. `latest` is the version that the reader has at hand: another one has the history fetched anew. */
export function VersionHistory({ type, id, latest, ...lines }: Lines & {
  readonly type: string;
  readonly id: string;
  readonly latest?: string | undefined;
}) {
  const scope = session.value?.token.claims.scope ?? "";
  const isOpen = lettersOf(scope, type).has("r");
  return (
    <section class="versions" aria-label={`Versions of ${type}/${id}`}>
      <h3>Versions</h3>
      {isOpen ? (
        <Versions key={`${type}/${id} ${latest ?? ""}`} type={type} id={id} {...lines} />
      ) : (
        <ClosedNote scope={scopeFor(scope, type, "r")}>This token does not read the versions of {type}.</ClosedNote>
      )}
    </section>
  );
}

function Versions({ type, id, ...lines }: Lines & { readonly type: string; readonly id: string }) {
  const [versions, setVersions] = useState<readonly Version[]>([]);
  const [total, setTotal] = useState<number | undefined>(undefined);
  const [next, setNext] = useState<string | undefined>(undefined);
  const [chosen, setChosen] = useState<Comparison | null>(null);
  const [shown, setShown] = useState<string | null>(null);
  const task = useTask();
  const fetchPage = (link: string, before: readonly Version[]) =>
    task.run(async (signal) => {
      const page = await askFhir<Bundle>(link, { signal });
      const all = [...before, ...versionsOf(page)];
      setVersions(all);
      setTotal(page.total);
      setNext(nextOf(page));
      setChosen((one) => one ?? neighbours(all));
      announce(`${countOf(all.length, page.total)}.`);
    });
  const begin = () => fetchPage(`${type}/${id}/_history?_count=${PAGE}`, []);
  useEffect(begin, []);
  const comparison = chosen && comparisonOf(versions, chosen);
  return (
    <>
      {versions.length > 0 && (
        <>
          <p class="quiet">{countOf(versions.length, total)}.</p>
          <VersionList versions={versions} shown={shown} onShow={setShown} onCompare={setChosen} {...lines} />
        </>
      )}
      <TaskState task={task} again={next ? () => fetchPage(next, versions) : begin}>Reading the versions…</TaskState>
      {next && !task.isRunning && !task.problem && (
        <button type="button" onClick={() => fetchPage(next, versions)}>Earlier versions</button>
      )}
      {chosen && comparison && (
        <VersionComparison
          versions={versions.filter((each) => each.resource)}
          chosen={chosen}
          from={comparison.from}
          to={comparison.to}
          onChosen={setChosen}
        />
      )}
    </>
  );
}

function VersionList({ versions, shown, onShow, onCompare, lineOf, isVoid = () => false }: Lines & {
  readonly versions: readonly Version[];
  readonly shown: string | null;
  readonly onShow: (number: string | null) => void;
  readonly onCompare: (comparison: Comparison) => void;
}) {
  return (
    <ul class="version-list">
      {versions.map((each, place) => {
        const line = each.resource && lineOf?.(each.resource);
        const pair = neighbours(versions, each.number);
        const isShown = each.number === shown;
        return (
          <li key={each.number}>
            <strong>Version {each.number}</strong>
            <span>{each.deed}</span>
            <span class="figures">{dateText(each.at)}</span>
            {each.resource && line && (
              <span class="version-line wrap">{place > 0 || isVoid(each.resource) ? <del>{line}</del> : line}</span>
            )}
            {each.resource && (
              <span class="version-acts">
                <button
                  type="button"
                  class="plain"
                  aria-expanded={isShown}
                  onClick={() => onShow(isShown ? null : each.number)}
                >
                  {isShown ? "Hide" : "Show"}<span class="unseen"> version {each.number}</span>
                </button>
                {pair && (
                  <button type="button" class="plain" onClick={() => onCompare(pair)}>
                    Compare <span class="unseen">version {each.number} </span>with {pair.from}
                  </button>
                )}
              </span>
            )}
            {isShown && each.resource && (
              <div class="version-content">
                <ResourceView resource={each.resource} />
              </div>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function comparisonOf(versions: readonly Version[], chosen: Comparison) {
  const from = versions.find((each) => each.number === chosen.from)?.resource;
  const to = versions.find((each) => each.number === chosen.to)?.resource;
  return from && to ? { from, to } : null;
}

function countOf(known: number, total: number | undefined): string {
  const all = total ?? known;
  const text = `${all} ${all === 1 ? "version" : "versions"}`;
  return known < all ? `The newest ${known} of ${text}` : text;
}
