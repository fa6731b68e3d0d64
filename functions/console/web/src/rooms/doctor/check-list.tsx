/** All checks in the order in which the server makes them. */

import type { Check, CheckState } from "../../oauth/checks.ts";

const MARKS: Readonly<Record<CheckState, readonly [mark: string, word: string]>> = {
  right: ["✓", "right"],
  wrong: ["✗", "wrong"],
  unseen: ["?", "not seen from here"],
  skipped: ["–", "not judged"],
};

export function CheckList({ checks }: { readonly checks: readonly Check[] }) {
  return (
    <ol class="checks" aria-label="Checks, in the server's order">
      {checks.map(({ name, state, said, remedy }) => (
        <li key={name} class={`check-${state}`}>
          <span class="check-mark" aria-hidden="true">{MARKS[state][0]}</span>
          <span class="check-name"><code>{name}</code> <span class={state === "right" || state === "wrong" ? "unseen" : "quiet"}>{MARKS[state][1]}</span></span>
          <span class="check-said wrap">
            {said}
            {remedy && <> {remedy}</>}
          </span>
        </li>
      ))}
    </ol>
  );
}
