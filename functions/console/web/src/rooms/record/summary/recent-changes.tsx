/** What changed lately, the last first. */

import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import type { Change } from "./changes.ts";
import { isPhone } from "./phone.ts";

const AT_ONCE = 6;
const AT_ONCE_ON_A_PHONE = 3;

export function RecentChanges({ changes, inSummary }: { readonly changes: readonly Change[]; readonly inSummary?: number | undefined }) {
  return (
    <BoundedList items={changes} limit={isPhone() ? AT_ONCE_ON_A_PHONE : AT_ONCE} inSummary={inSummary} what="changes">
      {(shown) => (
        <ol class="changes">
          {shown.map((each, place) => (
            <li key={place}>
              <span class="quiet figures">{each.when}</span>
              <span class="wrap"><strong>{each.what}</strong> {each.how}</span>
            </li>
          ))}
        </ol>
      )}
    </BoundedList>
  );
}
