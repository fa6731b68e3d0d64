/** What a search has found: a table, page by page, and the match that is looked at beside it. */

import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { hintsOf } from "../../fhir/bundle.ts";
import type { Resource } from "../../fhir/datatypes.ts";
import { placeOf } from "../../fhir/references.ts";
import { Hints } from "../../parts/hints.tsx";
import { ReferenceLink } from "../../parts/resource/reference-link.tsx";
import { announce } from "../../shell/announcements.tsx";
import { addressOf } from "../../shell/router.ts";
import { columnsOf } from "./columns.ts";
import { includedWith } from "./included.ts";
import { OpenResource } from "./open-resource.tsx";
import { countOf, includedOf, matchesOf, titlesOf } from "./search-page.ts";
import type { Found } from "./state.ts";

export function Results({ type, found, selected, heading, isBusy, onNext, onPrevious }: {
  readonly type: string;
  readonly found: Found;
  readonly selected: string;
  readonly heading: RefObject<HTMLHeadingElement | null>;
  readonly isBusy: boolean;
  readonly onNext: (() => void) | null;
  readonly onPrevious: (() => void) | null;
}) {
  const { page, queries } = found;
  const matches = matchesOf(page);
  const match = matches.find((each) => each.id === selected);
  const beside = useBeside(match);
  const included = includedOf(page);
  return (
    <div class={match ? "beside" : ""}>
      <section class="card found" aria-labelledby="found-heading">
        <h2 id="found-heading" tabIndex={-1} ref={heading}>Found</h2>
        <p>
          {countOf(page, type, queries.length)}
          {included.length > 0 && ` ${included.length} more came with them: select a row to see them beside it.`}
        </p>
        <Hints texts={hintsOf(page)} />
        {(onNext ?? onPrevious) && (
          <div class="row" role="group" aria-label="Pages">
            <button type="button" class="small" disabled={!onPrevious || isBusy} onClick={onPrevious ?? undefined}>Previous page</button>
            <button type="button" class="small" disabled={!onNext || isBusy} onClick={onNext ?? undefined}>Next page</button>
          </div>
        )}
        {matches.length > 0 && <Table type={type} matches={matches} selected={selected} titles={titlesOf(page)} />}
      </section>
      {match && (
        <div ref={beside}>
          <OpenResource
            key={selected}
            type={type}
            id={selected}
            shown={match}
            included={includedWith(match, included, placeOf)}
          />
        </div>
      )}
    </div>
  );
}

/** Brings what was selected into sight, which is below the table on a phone; and the focus back to its row at the end. */
function useBeside(match: Resource | undefined): RefObject<HTMLDivElement | null> {
  const beside = useRef<HTMLDivElement>(null);
  const earlier = useRef(match?.id);
  useEffect(() => {
    if (match?.id) {
      if (earlier.current !== match.id) announce(`${match.resourceType} ${match.id} is shown beside the table.`);
      beside.current?.scrollIntoView({ block: "nearest" });
    } else if (earlier.current) {
      document.getElementById(rowId(earlier.current))?.focus();
    }
    earlier.current = match?.id;
  }, [match?.id]);
  return beside;
}

function Table({ type, matches, selected, titles }: {
  readonly type: string;
  readonly matches: readonly Resource[];
  readonly selected: string;
  readonly titles: ReadonlyMap<string, string>;
}) {
  const columns = columnsOf(type);
  return (
    <div class="scroll rows stacking" tabIndex={0} role="region" aria-label="Matches">
      {/* The roles are said, as on a phone the rows are cards and would be no table to a screen reader. */}
      <table class="stacked" role="table">
        <thead role="rowgroup">
          <tr role="row">
            <th scope="col" role="columnheader">Id</th>
            {columns.map(({ label }) => (
              <th scope="col" role="columnheader" key={label}>{label}</th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {matches.map((each) => (
            <tr key={each.id} role="row" class={each.id === selected ? "selected" : ""}>
              <th scope="row" role="rowheader">
                <a
                  id={rowId(each.id ?? "")}
                  href={addressOf("explore", type, each.id ?? "")}
                  aria-current={each.id === selected ? "true" : undefined}
                >
                  {each.id}
                </a>
              </th>
              {columns.map(({ label, cellOf }) => {
                const { text, reference } = cellOf(each);
                return (
                  <td key={label} role="cell" data-label={label} class={text ? "" : "empty"}>
                    <span><ReferenceLink reference={reference}>{toldBy(titles, reference, text)}</ReferenceLink></span>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** Returns a cell's text; a reference that has no words of its own is told by the title of what it names, if that is known. */
function toldBy(titles: ReadonlyMap<string, string>, reference: string, text: string): string {
  const place = text === reference ? placeOf(reference) : null;
  return (place && titles.get(`${place.type}/${place.id}`)) ?? text;
}

function rowId(id: string): string {
  return `match-${id}`;
}
