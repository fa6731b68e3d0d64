/** The latest value of each measurement: those out of range first, each with its flag and the value before. */

import { useState } from "preact/hooks";

import type { Observation } from "../../../fhir/clinical.ts";
import { ageText, today } from "../../../fhir/dates.ts";
import { BoundedList } from "../../../parts/resource/bounded-list.tsx";
import { OpenedEntry } from "../correction/opened-entry.tsx";
import { DoubtLines } from "../doubt-lines.tsx";
import { FlagBadges } from "../observations/flag-badges.tsx";
import { type Group, isChart } from "../observations/observation-groups.ts";
import { useOpenRecord } from "../open-record.ts";
import { ValueTable } from "../observations/value-table.tsx";
import { isPhone } from "./phone.ts";

/** On a phone what follows shall not be far. */
const AT_ONCE = 8;
const AT_ONCE_ON_A_PHONE = 3;

export function LatestValues({ groups, observations, inSummary }: {
  readonly groups: readonly Group[];
  readonly observations: readonly Observation[];
  readonly inSummary?: number | undefined;
}) {
  const { resources } = useOpenRecord();
  const [opened, setOpened] = useState<Opened | null>(null);
  const toggle = (one: Opened) => setOpened(opened?.id === one.id ? null : one);
  const isLeft = opened !== null && !groups.some((each) => each.key === opened.group);
  const left = isLeft && resources.get(`Observation/${opened.id}`);
  const age = ageOfLatest(groups);
  const inError = observations.filter((each) => each.status === "entered-in-error").length;
  return (
    <>
      {age && <p class="quiet">The last value is {age} old.</p>}
      <BoundedList items={groups} limit={isPhone() ? AT_ONCE_ON_A_PHONE : AT_ONCE} inSummary={inSummary} what="values">
        {(shown) => (
          <ul class="values-latest">
            {shown.map((each) => (
              <LatestValue key={each.key} group={each} opened={opened?.group === each.key ? opened.id : ""} onOpened={toggle} />
            ))}
          </ul>
        )}
      </BoundedList>
      {left && <div class="entry-whole"><OpenedEntry resource={left} /></div>}
      {inError > 0 && (
        <p class="quiet">
          {inError === 1 ? "One was entered in error and is" : `${inError} were entered in error and are`} on the time line alone.
        </p>
      )}
    </>
  );
}

/** Returns how old the last value of all is, from a year on; else it is empty. */
function ageOfLatest(groups: readonly Group[]): string {
  const latest = Math.max(...groups.flatMap(({ rows: [row] }) => (row && !Number.isNaN(row.at) ? [row.at] : [])));
  const age = Number.isFinite(latest) ? ageText(new Date(latest).toISOString().slice(0, 10), today()) : "";
  return /year|month/.test(age) ? age : "";
}

/** A value that was opened, and the measurement in which it was the latest then. */
interface Opened {
  readonly group: string;
  readonly id: string;
}

function LatestValue({ group, opened, onOpened }: {
  readonly group: Group;
  /** The id of the value that is open; empty if none is. */
  readonly opened: string;
  readonly onOpened: (opened: Opened) => void;
}) {
  const { resources } = useOpenRecord();
  const [latest, before] = group.rows;
  if (!latest) return null;
  const resource = resources.get(`Observation/${opened}`);
  const [only] = group.series;
  const range = group.series.length === 1 ? only?.range : null;
  const date = (
    <button type="button" class="plain value-open" aria-expanded={opened === latest.id} onClick={() => onOpened({ group: group.key, id: latest.id })}>
      {latest.when === "" ? "no date" : latest.when.split(", ", 1)[0]}<span class="unseen">, {group.title}</span>
    </button>
  );
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
      <DoubtLines doubts={latest.doubts} withSource={opened === latest.id} />
      {resource && <div class="entry-whole"><OpenedEntry key={opened} resource={resource} /></div>}
      {before && !isChart(group) && <ValueTable group={group} />}
    </li>
  );
}
