/** The answers to a Bundle, entry by entry: what was done, and what was refused for which reason. */

import { useState } from "preact/hooks";

import type { Resource } from "../../../fhir/datatypes.ts";
import type { TextRange } from "../../../fhir/json-places.ts";
import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import { JsonView } from "../../../parts/resource/json-view.tsx";
import { addressOf } from "../../../shell/router.ts";
import { LineButton } from "../editor/line-button.tsx";
import { type EntryResult, summaryOf } from "./entry-results.ts";

const AT_ONCE = 50;

export function EntryList({ results, onChosen }: {
  readonly results: readonly EntryResult[];
  readonly onChosen: (range: TextRange) => void;
}) {
  return (
    <section class="card" aria-labelledby="answers-heading">
      <h3 id="answers-heading">Answers</h3>
      <p>{summaryOf(results)}</p>
      <BoundedList items={results} limit={AT_ONCE} what="answers">
        {(shown) => (
          <ol class="faults">
            {shown.map((each, at) => (
              <li key={at}>
                <LineButton place={each} onChosen={onChosen} />
                <Answer result={each} />
              </li>
            ))}
          </ol>
        )}
      </BoundedList>
    </section>
  );
}

function Answer({ result: { asked, status, written, problem, resource } }: { readonly result: EntryResult }) {
  return (
    <div class="answer">
      <span class={`badge ${problem ? "bad" : "good"}`}>{status || "no status"}</span> <code class="wrap">{asked}</code>{" "}
      {written && <a href={addressOf("write", written.type, written.id)}>{written.type}/{written.id}</a>}
      {problem && <p class="wrap">{problem.title} {problem.remedy}</p>}
      {problem && problem.details.length > 0 && (
        <ul class="details">
          {problem.details.map((each, at) => (
            <li key={at} class="wrap">{each.where && <code>{each.where}</code>} {each.text}</li>
          ))}
        </ul>
      )}
      {resource && <Found resource={resource} />}
    </div>
  );
}

/** Drawn when it is opened: a Bundle may hold five hundred. */
function Found({ resource }: { readonly resource: Resource }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details class="more" onToggle={(toggled) => setOpen(toggled.currentTarget.open)}>
      <summary>The {resource.resourceType} that was answered</summary>
      {isOpen && <JsonView resource={resource} />}
    </details>
  );
}
