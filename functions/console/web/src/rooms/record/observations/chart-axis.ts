/** What stands at a chart's axis of time, and which values its other axis has to hold. */

import type { Group } from "./observation-groups.ts";

const ZONE = "Europe/London";
const DAY = 86_400;

const year = shape({ year: "numeric" });
const month = shape({ month: "short" });
const day = shape({ day: "numeric", month: "short" });
const time = shape({ hour: "2-digit", minute: "2-digit" });

function shape(parts: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat("en-GB", { ...parts, timeZone: ZONE });
}

/** Returns the words for marks that stand `increment` seconds apart, each in epoch seconds: no more exact than they are.
 *
 * What they are a part of stands below in a second line, where it is another than before.
 */
export function tickTexts(marks: readonly number[], increment: number): readonly string[] {
  if (increment >= 360 * DAY) return marks.map((each) => year.format(each * 1000));
  const [own, whole] = increment >= 28 * DAY ? [month, year] : increment >= DAY ? [day, year] : [time, day];
  let before = "";
  return marks.map((each) => {
    const around = whole.format(each * 1000);
    const text = own.format(each * 1000) + (around === before ? "" : `\n${around}`);
    before = around;
    return text;
  });
}

/** A value without a reference range is drawn with at least this share of the latest one above and below it. */
const SHARE = 0.1;

/** Returns the lowest and the highest value that a chart holds: its own and its reference ranges', with room around.
 *
 * Where a line has no range the axis is wide enough for a small change to look small.
 */
export function extent(group: Group): readonly [low: number, high: number] {
  const around = group.series.flatMap(({ range }, which) => {
    if (range) return [range.low, range.high];
    const latest = group.rows.map((each) => each.values[which]).find((each) => typeof each === "number") ?? 0;
    return [latest * (1 - SHARE), latest * (1 + SHARE)];
  });
  const all = [...group.rows.flatMap((each) => each.values), ...around].filter((each) => each !== null);
  // Not by spreading them into arguments: there may be thousands.
  const low = all.reduce((one, other) => Math.min(one, other), Infinity);
  const high = all.reduce((one, other) => Math.max(one, other), -Infinity);
  if (low > high) return [0, 1];
  const room = (high - low) * 0.08 || 1;
  return [low >= 0 ? Math.max(0, low - room) : low - room, high + room];
}

/** Returns the ends of a chart's time in epoch seconds, with room around so that no point stands on the edge. */
export function span(times: readonly number[]): readonly [from: number, to: number] {
  const [first = 0, last = 0] = [times[0], times.at(-1)];
  const room = Math.max((last - first) * 0.03, 3600);
  return [first - room, last + room];
}
