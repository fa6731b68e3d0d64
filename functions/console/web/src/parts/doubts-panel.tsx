/** What is hardly right about a value, each with its source, before it is sent all the same. */

import { useLayoutEffect, useRef } from "preact/hooks";

import type { Doubt } from "../plausibility/doubts.ts";
import { addressOf } from "../shell/router.ts";

export function DoubtsPanel({ doubts, label, isBusy, onConfirmed }: {
  readonly doubts: readonly Doubt[];
  readonly label: string;
  readonly isBusy: boolean;
  readonly onConfirmed: () => void;
}) {
  const panel = useRef<HTMLElement>(null);
  useLayoutEffect(() => panel.current?.focus(), [doubts]);
  const isImpossible = doubts.some((each) => each.isImpossible);
  return (
    <section class="notice bad doubts" aria-labelledby="doubts-heading" tabIndex={-1} ref={panel}>
      <h3 id="doubts-heading">{isImpossible ? "This cannot be, and was not sent" : "Is this right?"}</h3>
      <ul>
        {doubts.map((each) => (
          <li key={each.text}>
            <strong>{each.text}</strong> <span class="quiet">By {each.source}.</span>
            {each.record && <> <a href={addressOf("record", each.record)}>Open that record</a></>}
          </li>
        ))}
      </ul>
      {!isImpossible && (
        <div class="row">
          <button type="button" aria-disabled={isBusy} onClick={() => !isBusy && onConfirmed()}>{label}</button>
        </div>
      )}
    </section>
  );
}
