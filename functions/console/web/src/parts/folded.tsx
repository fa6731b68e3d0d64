/** Something below its summary, drawn only while it is open: it may be long, and the reference's types go round. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

export function Folded({ class: name, summary, begunOpen = false, children }: {
  readonly class: string;
  readonly summary: ComponentChildren;
  readonly begunOpen?: boolean;
  readonly children: () => ComponentChildren;
}) {
  const [isOpen, setOpen] = useState(begunOpen);
  return (
    <details class={name} open={isOpen} onToggle={(toggle) => setOpen(toggle.currentTarget.open)}>
      <summary>{summary}</summary>
      {isOpen && children()}
    </details>
  );
}
