/** Searches, page by page: a page's `next` link is followed as the server has sent it. */

import { askFhir } from "../service/api.ts";
import { nextOf } from "./bundle.ts";
import type { Bundle } from "./datatypes.ts";

/** Yields a search's pages in order; `query` is `Observation?patient=4&_count=100`, or a link. Rejects with a `ProblemError`. */
export async function* pagesOf(query: string, signal?: AbortSignal): AsyncGenerator<Bundle, void> {
  for (let next: string | undefined = query; next !== undefined; ) {
    const page: Bundle = await askFhir<Bundle>(next, { signal });
    yield page;
    next = nextOf(page);
  }
}
