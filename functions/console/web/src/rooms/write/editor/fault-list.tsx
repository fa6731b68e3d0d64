/** What is wrong with the text, fault by fault; each leads to its place. */

import type { TextRange } from "../../../fhir/json-places.ts";
import type { Problem } from "../../../service/problem.ts";
import type { Fault } from "./faults.ts";
import { LineButton } from "./line-button.tsx";

export function FaultList({ faults, problem, format, onChosen }: {
  readonly faults: readonly Fault[];
  /** What the server has answered; null of a text that was not sent. */
  readonly problem: Problem | null;
  /** The name of the format. */
  readonly format: string;
  readonly onChosen: (range: TextRange) => void;
}) {
  return (
    <section class="notice bad" aria-label="Faults">
      <h3>{problem ? problem.title : `This is no ${format} yet.`}</h3>
      <p>{problem ? problem.remedy : "It can be sent when this is mended."}</p>
      <ol class="faults">
        {faults.map((each, at) => (
          <li key={at}>
            <LineButton place={each} onChosen={onChosen} />
            <span class="wrap">
              {each.where && <code>{each.where}</code>} {each.text}
            </span>
          </li>
        ))}
      </ol>
      {problem && (
        <span class="quiet">
          HTTP {problem.status} {problem.code}
        </span>
      )}
    </section>
  );
}
