/** A place within a room: it takes the focus when it follows another, as what had the focus is gone. */

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

import { printed } from "./printing.ts";

export function Place({ kind, label, children }: {
  /** Its class. */
  readonly kind: string;
  readonly label: string;
  readonly children: ComponentChildren;
}) {
  const place = useRef<HTMLDivElement>(null);
  const known = useRef(label);
  useEffect(() => {
    if (known.current === label) return;
    known.current = label;
    place.current?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }, [label]);
  return (
    <div class={kind} data-printed={printed.value} role="group" aria-label={label} tabIndex={-1} ref={place}>
      {children}
    </div>
  );
}
