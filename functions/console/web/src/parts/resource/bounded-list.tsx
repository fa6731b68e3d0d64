/** The beginning of a long list, and all of it when it is asked for: so that a huge answer does not stop the page. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { announce } from "../../shell/announcements.tsx";
import { isPrintedWhole } from "../printing.ts";

export function BoundedList<T>({ items, limit, what, children }: {
  readonly items: readonly T[];
  readonly limit: number;
  /** What the items are, in the plural. */
  readonly what: string;
  readonly children: (shown: readonly T[]) => ComponentChildren;
}) {
  const [isAll, setAll] = useState(false);
  const isWhole = isAll || isPrintedWhole.value;
  const show = () => {
    setAll(true);
    announce(`All ${items.length} ${what} are shown.`);
  };
  return (
    <>
      {children(isWhole ? items : items.slice(0, limit))}
      {!isWhole && items.length > limit && (
        <>
          <button type="button" class="small" onClick={show}>
            Show all {items.length} {what}
          </button>
          <p class="in-print">{limit} of {items.length} {what} are printed.</p>
        </>
      )}
    </>
  );
}
