/** What went wrong, in plain words, and the next step: never a dead end. */

import { useEffect, useRef } from "preact/hooks";

import type { Problem } from "../service/problem.ts";
import { announce } from "../shell/announcements.tsx";
import { addressOf } from "../shell/router.ts";

export function ProblemPanel({ problem, again }: { readonly problem: Problem; readonly again?: (() => void) | undefined }) {
  const panel = useRef<HTMLElement>(null);
  useEffect(() => {
    announce(`${problem.title} ${problem.remedy}`);
    panel.current?.scrollIntoView({ block: "nearest" });
  }, [problem]);
  return (
    <section class="notice bad" aria-label="Problem" ref={panel}>
      <h2>{problem.title}</h2>
      <p>{problem.remedy}</p>
      {problem.details.length > 0 && (
        <ul class="details">
          {problem.details.map((each, place) => (
            <li key={place}>
              {each.where && <code>{each.where}</code>} {each.text}
            </li>
          ))}
        </ul>
      )}
      <div class="row">
        {again && <button type="button" onClick={again}>Try again</button>}
        {problem.needsToken && <a class="button" href={addressOf("token")}>Get a token</a>}
        {problem.status > 0 && (
          <span class="quiet">
            HTTP {problem.status} {problem.code}
          </span>
        )}
      </div>
    </section>
  );
}
