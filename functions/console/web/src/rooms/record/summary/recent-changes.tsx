/** What changed lately, the last first. */

import type { Change } from "./changes.ts";

export function RecentChanges({ changes }: { readonly changes: readonly Change[] }) {
  return (
    <ol class="changes">
      {changes.map((each, place) => (
        <li key={place}>
          <span class="quiet figures">{each.when}</span>
          <span class="wrap"><strong>{each.what}</strong> {each.how}</span>
        </li>
      ))}
    </ol>
  );
}
