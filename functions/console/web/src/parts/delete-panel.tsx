/** Asks, in the page, whether something is really to be deleted; `children` say what that means. */

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";

export function DeletePanel({ name, onSure, onKept, children }: {
  readonly name: string;
  readonly onSure: () => void;
  readonly onKept: () => void;
  readonly children: ComponentChildren;
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
      <p>{children}</p>
      <div class="row">
        <button type="button" ref={keep} onClick={onKept}>Keep it</button>
        <button type="button" class="danger" onClick={onSure}>Delete it</button>
      </div>
    </section>
  );
}
