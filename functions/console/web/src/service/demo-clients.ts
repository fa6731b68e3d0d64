/** The demo clients of a local run, which `make run` lists for this page. No deployment has such a list. */

import { answerTo } from "./api.ts";
import { IS_LOCAL } from "./place.ts";

export interface DemoClient {
  readonly id: string;
  readonly name: string;
  readonly secret: string;
  readonly scopes: readonly string[];
}

export const DEMO_CLIENTS_PATH = "/local/demo-clients";

/** Returns the demo clients, none if this is no local run or its list cannot be had. */
export async function demoClients(signal?: AbortSignal): Promise<readonly DemoClient[]> {
  if (!IS_LOCAL) return [];
  const answer = await answerTo({ to: DEMO_CLIENTS_PATH, headers: { Accept: "application/json" }, token: null, signal });
  return answer.status === 200 ? (JSON.parse(answer.text) as { clients: readonly DemoClient[] }).clients : [];
}
