/** Which elements of a list became which of another: the cheapest way from one to the other, counted in changed values. */

/** One element's way: from a place to a place; one that was put in came from none, one that was taken out went to none. */
export interface Step {
  readonly from: number | null;
  readonly to: number | null;
}

/** What tells two elements apart however alike they are: an element id, an extension's URL, an identifier's system. */
const IDENTITIES = ["id", "url", "system"];

/** Beyond this many pairs to compare, elements are paired by their places. */
const MAX_PAIRS = 40_000;

/** Returns the steps from one list to another, in the order of the lists. */
export function stepsBetween(before: readonly unknown[], after: readonly unknown[]): readonly Step[] {
  const from = before.map(elementOf);
  const to = after.map(elementOf);
  const shorter = Math.min(from.length, to.length);
  let start = 0;
  while (start < shorter && from[start]?.text === to[start]?.text) start++;
  let end = 0;
  while (end < shorter - start && from.at(-1 - end)?.text === to.at(-1 - end)?.text) end++;
  const middle = between(from.slice(start, from.length - end), to.slice(start, to.length - end));
  return [
    ...range(start).map((place) => ({ from: place, to: place })),
    ...middle.map((step) => ({ from: moved(step.from, start), to: moved(step.to, start) })),
    ...range(end).map((place) => ({ from: from.length - end + place, to: to.length - end + place })),
  ];
}

interface Element {
  readonly value: unknown;
  /** The same for equal elements, whatever the order of their members. */
  readonly text: string;
  /** Each of its values with where it stands, places in lists left out. */
  readonly values: ReadonlyMap<string, number>;
  readonly size: number;
}

function between(from: readonly Element[], to: readonly Element[]): readonly Step[] {
  if (from.length * to.length > MAX_PAIRS) return byPlace(from.length, to.length);
  // Each row holds the cost of what remains from there, so that the way can be walked forwards.
  const costs = Array.from({ length: from.length + 1 }, () => new Array<number>(to.length + 1).fill(0));
  const cost = (row: number, column: number) => costs[row]?.[column] ?? Infinity;
  const choices = (row: number, column: number) => ({
    pair: costOfPair(from[row], to[column]) + cost(row + 1, column + 1),
    remove: (from[row]?.size ?? Infinity) + cost(row + 1, column),
    add: (to[column]?.size ?? Infinity) + cost(row, column + 1),
  });
  for (let row = from.length; row >= 0; row--) {
    for (let column = to.length; column >= 0; column--) {
      if (row === from.length && column === to.length) continue;
      const { pair, remove, add } = choices(row, column);
      (costs[row] ?? [])[column] = Math.min(pair, remove, add);
    }
  }
  const steps: Step[] = [];
  for (let row = 0, column = 0; row < from.length || column < to.length; ) {
    const { pair, remove, add } = choices(row, column);
    if (pair <= remove && pair <= add) steps.push({ from: row++, to: column++ });
    else if (remove <= add) steps.push({ from: row++, to: null });
    else steps.push({ from: null, to: column++ });
  }
  return steps;
}

/** Returns in how many values two elements differ; infinite if the one cannot have become the other. */
function costOfPair(one: Element | undefined, other: Element | undefined): number {
  if (!one || !other) return Infinity;
  if (one.text === other.text) return 0;
  if (!isMembers(one.value) || !isMembers(other.value)) return isMembers(one.value) || isMembers(other.value) ? Infinity : 1;
  const [mine, theirs] = [one.value, other.value];
  if (IDENTITIES.some((each) => each in mine && each in theirs && mine[each] !== theirs[each])) return Infinity;
  let shared = 0;
  for (const [value, count] of one.values) shared += Math.min(count, other.values.get(value) ?? 0);
  return shared === 0 ? Infinity : one.size + other.size - 2 * shared;
}

function elementOf(value: unknown): Element {
  const values = new Map<string, number>();
  let size = 0;
  const walk = (each: unknown, path: string): void => {
    if (Array.isArray(each)) each.forEach((inner) => walk(inner, path));
    else if (isMembers(each)) for (const name of Object.keys(each)) walk(each[name], `${path}.${name}`);
    else {
      const leaf = `${path}=${JSON.stringify(each)}`;
      values.set(leaf, (values.get(leaf) ?? 0) + 1);
      size++;
    }
  };
  walk(value, "");
  return { value, values, size: Math.max(size, 1), text: canonical(value) };
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) =>
    isMembers(inner) ? Object.fromEntries(Object.entries(inner).sort(([one], [other]) => (one < other ? -1 : 1))) : inner,
  );
}

function byPlace(from: number, to: number): readonly Step[] {
  return range(Math.max(from, to)).map((place) => ({ from: place < from ? place : null, to: place < to ? place : null }));
}

function moved(place: number | null, by: number): number | null {
  return place === null ? null : place + by;
}

function range(length: number): readonly number[] {
  return Array.from({ length }, (_, place) => place);
}

function isMembers(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
