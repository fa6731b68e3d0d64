/** The latest value of each measurement: those out of range first, each with its flag and the value before. */

import type { Observation } from "../../../fhir/clinical.ts";
import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import { addressOf } from "../../../shell/router.ts";
import { FlagBadges } from "../observations/flag-badges.tsx";
import { type Group, isChart } from "../observations/observation-groups.ts";
import { ValueTable } from "../observations/value-table.tsx";

/** On a phone what follows shall not be far. */
const AT_ONCE = 8;
const AT_ONCE_ON_A_PHONE = 3;
const PHONE = "(max-width: 44rem)";

export function LatestValues({ groups, observations }: {
  readonly groups: readonly Group[];
  readonly observations: readonly Observation[];
}) {
  const inError = observations.filter((each) => each.status === "entered-in-error").length;
  return (
    <>
      <BoundedList items={groups} limit={matchMedia(PHONE).matches ? AT_ONCE_ON_A_PHONE : AT_ONCE} what="values">
        {(shown) => (
          <ul class="values-latest">
            {shown.map((each) => <LatestValue key={each.key} group={each} />)}
          </ul>
        )}
      </BoundedList>
      {inError > 0 && (
        <p class="quiet">
          {inError === 1 ? "One was entered in error and is" : `${inError} were entered in error and are`} on the time line alone.
        </p>
      )}
    </>
  );
}

function LatestValue({ group }: { readonly group: Group }) {
  const [latest, before] = group.rows;
  if (!latest) return null;
  const [only] = group.series;
  const range = group.series.length === 1 ? only?.range : null;
  const date = <a href={addressOf("explore", "Observation", latest.id)}>{latest.when === "" ? "no date" : latest.when.split(", ", 1)[0]}</a>;
  const isFlagged = latest.flags.length > 0;
  return (
    <li class={isFlagged ? "flagged" : ""}>
      <div class="value-line">
        <span class="value-name wrap">{group.title}</span>
        {!isFlagged && <span class="value-date">{date}</span>}
        <span class="value-text wrap">
          <FlagBadges flags={latest.flags} /> <strong>{latest.text}</strong>
        </span>
      </div>
      {(isFlagged || latest.remarks) && (
        <p class="entry-facts">
          {isFlagged && <span>{date}</span>}
          {isFlagged && before && <span>was {before.text}</span>}
          {isFlagged && range && <span>range {range.text}</span>}
          {latest.remarks && <span>{latest.remarks}</span>}
        </p>
      )}
      {before && !isChart(group) && <ValueTable group={group} />}
    </li>
  );
}
