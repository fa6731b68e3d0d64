/** What is hardly right about something that is stored, as remarks beside it. */

import type { Doubt } from "../../plausibility/doubts.ts";

export function DoubtLines({ doubts, withSource = false }: { readonly doubts: readonly Doubt[]; readonly withSource?: boolean }) {
  return (
    <>
      {doubts.map((each) => (
        <p key={each.text} class="doubt wrap">
          <span aria-hidden="true">◆</span> {each.text} {withSource && <span class="quiet">By {each.source}.</span>}
        </p>
      ))}
    </>
  );
}
