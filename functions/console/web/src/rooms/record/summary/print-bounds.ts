/** How much of a record has room in a printed summary of two pages: allergies and current medicines are printed whole. */

/** What would be printed, each item as the texts that stand below each other: the first in larger letters. */
export interface Printable {
  /** All above the allergies. */
  readonly head: readonly Item[];
  readonly allergies: readonly Item[];
  /** The current ones. */
  readonly medicines: readonly Item[];
  readonly problems: readonly Item[];
  readonly values: readonly Item[];
  readonly changes: readonly Item[];
  /** What stands above each chart. */
  readonly charts: readonly Item[];
}

export type Item = readonly string[];

/** How many of each list are printed. */
export interface PrintBounds {
  readonly problems: number;
  readonly values: number;
  readonly changes: number;
  readonly charts: number;
  /** Whether there are more than two pages: allergies and medicines alone take them. */
  readonly isLong: boolean;
}

// All heights are in lines of text, and estimates: a browser does not say what fits before it prints. They are for wide
// letters, and for the lower one of the two common papers.
const PAGE = 55;
/** What a card has around its items, with a line that says how many are left. */
const CARD = 4;
const ITEM = 0.4;
const CHART = 13;
const CHARTS = 3;
/** Six of two lines each. */
const CHANGES = 15;
/** Of problems and of values: with fewer, the charts and then the changes are left to the whole record. */
const ENOUGH = 8;

/** Letters of a line: in the larger and in the smaller letters. */
const WHOLE = [84, 100] as const;
const HALF = [40, 54] as const;
const THIRD = [26, 30] as const;
type Width = readonly [title: number, others: number];

/** Returns how many of each list fit beside the allergies and the current medicines. */
export function printBounds(record: Printable): PrintBounds {
  const { head, allergies, medicines, problems, values, changes, charts } = record;
  const banner = CARD + heightOf([...head, ...allergies], WHOLE);
  const [first = 0, ...rows] = pairs(medicines).map((pair) => highest(pair, HALF));
  const whole = [banner, CARD + first, ...rows];
  const longest = Math.max(problems.length, values.length);
  const charted = Math.min(charts.length, CHARTS);
  const changing = mostThat((each) => heightOf(changes.slice(0, each), WHOLE) <= CHANGES, changes.length);
  const cards = (listed: number, changed: number, drawn: number) => [
    CARD + 1 + Math.max(...[problems, values].map((each) => heightOf(each.slice(0, listed), HALF))),
    CARD + heightOf(changes.slice(0, changed), WHOLE),
    CARD + (drawn && CHART + highest(charts, THIRD)),
  ];
  const isLong = pagesOf([...whole, ...cards(0, 0, 0)]) > 2;
  const pages = isLong ? pagesOf(whole) + 1 : 2;
  for (const [changed, drawn] of [[changing, charted], [changing, 0]] as const) {
    const listed = mostThat((each) => pagesOf([...whole, ...cards(each, changed, drawn)]) <= pages, longest);
    if (listed >= Math.min(ENOUGH, longest)) return boundsOf(listed, changed, drawn);
  }
  return boundsOf(mostThat((each) => pagesOf([...whole, ...cards(each, 0, 0)]) <= pages, longest), 0, 0);

  function boundsOf(listed: number, changed: number, drawn: number): PrintBounds {
    return { problems: Math.min(listed, problems.length), values: Math.min(listed, values.length), changes: changed, charts: drawn, isLong };
  }
}

/** Returns how many pages cards take, of which none is cut. The medication alone is, between two rows. */
function pagesOf(cards: readonly number[]): number {
  const used = cards.reduce((end, height) => {
    const left = PAGE - (end % PAGE);
    return height > left ? end + left + height : end + height;
  }, 0);
  return Math.ceil(used / PAGE);
}

/** Returns the largest number up to `most` that is possible; 0 if none is. */
function mostThat(isPossible: (count: number) => boolean, most: number): number {
  let count = most;
  while (count > 0 && !isPossible(count)) count -= 1;
  return count;
}

function heightOf(items: readonly Item[], [first, others]: Width): number {
  const linesOf = (text: string, place: number) => Math.ceil(text.length / (place === 0 ? first : others));
  return sum(items.map((item) => ITEM + sum(item.map(linesOf))));
}

function highest(items: readonly Item[], width: Width): number {
  return Math.max(0, ...items.map((each) => heightOf([each], width)));
}

/** Of two columns, what stands beside each other is as high as the higher. */
function pairs(items: readonly Item[]): readonly (readonly Item[])[] {
  return items.flatMap((each, place) => (place % 2 ? [] : [[each, ...items.slice(place + 1, place + 2)]]));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, each) => all + each, 0);
}
