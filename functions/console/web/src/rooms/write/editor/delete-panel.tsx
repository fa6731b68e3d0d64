/** Asks, in the page, whether a resource is really to be deleted. */

import { useLayoutEffect, useRef } from "preact/hooks";

export function DeletePanel({ name, onSure, onKept }: {
  readonly name: string;
  readonly onSure: () => void;
  readonly onKept: () => void;
}) {
  const keep = useRef<HTMLButtonElement>(null);
  // At once, before another key is pressed.
  useLayoutEffect(() => keep.current?.focus(), []);
  return (
    <section
      class="notice bad"
      aria-labelledby="delete-heading"
      onKeyDown={(pressed) => {
        if (pressed.key === "Escape") onKept();
      }}
    >
      <h3 id="delete-heading" class="wrap">Delete {name}?</h3>
      <p>It is found no more. Its versions stay in its history, and it can be brought back from there.</p>
      <div class="row">
        <button type="button" ref={keep} onClick={onKept}>Keep it</button>
        <button type="button" class="danger" onClick={onSure}>Delete it</button>
      </div>
    </section>
  );
}
