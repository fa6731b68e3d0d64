/** A value's flags as badges: a word, a shape and a colour each. */

import type { Flag, Flagged } from "./flags.ts";

const SHAPES: Readonly<Record<Flag, string>> = { high: "▲", low: "▼", abnormal: "◆" };

export function FlagBadges({ flags }: { readonly flags: readonly Flagged[] }) {
  return (
    <>
      {flags.map(({ of, flag }) => (
        <strong key={of} class="badge alert">
          <span aria-hidden="true">{SHAPES[flag]}</span> {of} {flag}
        </strong>
      ))}
    </>
  );
}
