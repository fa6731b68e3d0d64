/** Many calls, a few at a time. */

/** Does `work` for each item in order, `most` at a time; the first that fails, or an aborted signal, begins no more.
 *
 * Rejects with that failure once it is known; what is under way then still ends.
 */
export async function inTurns<Item>(
  items: Iterable<Item>,
  most: number,
  work: (item: Item) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let hasFailed = false;
  const worker = async () => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      if (hasFailed || signal?.aborted) return;
      try {
        await work(next.value);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: most }, worker));
}
