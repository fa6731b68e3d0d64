/** The beginning of a long list, and all of it when it is asked for: so that a huge answer does not stop the page. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";

import { announce } from "../../shell/announcements.tsx";
import { printed } from "../printing.ts";

export function BoundedList<T>({ items, limit, inSummary = limit, what, children }: {
  readonly items: readonly T[];
  readonly limit: number;
  /** How many a printed summary has room for. */
  readonly inSummary?: number | undefined;
  /** What the items are, in the plural. */
  readonly what: string;
  readonly children: (shown: readonly T[]) => ComponentChildren;
}) {
  const [isAll, setAll] = useState(false);
  const isSummary = printed.value === "summary";
  const isWhole = printed.value === "whole" || (isAll && !isSummary);
  const most = isWhole ? items.length : isSummary ? inSummary : limit;
  const left = items.length - most;
  const show = () => {
    setAll(true);
    announce(`All ${items.length} ${what} are shown.`);
  };
  return (
    <>
      {children(items.slice(0, most))}
      {left > 0 && (
        <>
          <button type="button" class="small" onClick={show}>
            Show all {items.length} {what}
          </button>
          <p class="in-print">{isSummary ? `${left}${most ? " more" : ""} in the whole record.` : `${most} of ${items.length} ${what} are printed.`}</p>
        </>
      )}
    </>
  );
}
