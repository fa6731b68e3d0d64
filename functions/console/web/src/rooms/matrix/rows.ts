/** The rows of the matrix: whose tokens are tried, and how each cell is asked of the real service. */

import { signal, type Signal } from "@preact/signals";

import type { HeldToken } from "../../oauth/proof.ts";
import { requestToken } from "../../oauth/token-calls.ts";
import { answerTo } from "../../service/api.ts";
import { type DemoClient, demoClients } from "../../service/demo-clients.ts";
import type { Exchange } from "../../service/exchange.ts";
import { inTurns } from "../../service/in-turns.ts";
import { FHIR_PATH } from "../../service/place.ts";
import { type Problem, ProblemError } from "../../service/problem.ts";
import { heldToken, type Session } from "../../service/session.ts";
import { type Party, type Question, questionsOf, type Verdict, verdictOf } from "./promise.ts";

/** One question and, once it was answered, what came of it. */
export interface Cell {
  readonly question: Question;
  readonly verdict: Verdict | null;
  readonly exchange: Exchange | null;
}

export interface Row {
  readonly party: Party;
  /** Whether it is asked with the session's own token. */
  readonly isSession: boolean;
  /** Gets the token that the row is asked with: its own, or the session's. */
  readonly token: (signal: AbortSignal) => Promise<HeldToken | null>;
  /** By types, in the order of the service. A signal for each row, so that an answer draws no more than its own. */
  readonly cells: Signal<readonly Cell[]>;
  /** Why there is no token, if there is none. */
  readonly refusal: Signal<Problem | null>;
}

/** More at once would only wait for each other. */
const AT_ONCE = 6;

/** Returns a row for each demo client, and one for the session if its client is none of them. */
export async function rowsFor(session: Session | null, signal: AbortSignal): Promise<readonly Row[]> {
  const clients = await demoClients(signal);
  const rows = clients.map(ofClient);
  const isListed = clients.some((each) => each.id === session?.token.claims.client_id);
  return session && !isListed ? [...rows, ofSession(session)] : rows;
}

function ofClient(client: DemoClient): Row {
  const credential = { kind: "secret", clientId: client.id, secret: client.secret } as const;
  const party = { clientId: client.id, name: client.name, scope: client.scopes.join(" "), patient: "" };
  return rowOf(party, false, async (signal) => (await requestToken(credential, { scope: "", isBound: true }, signal))[0]);
}

function ofSession({ token, scope }: Session): Row {
  const { client_id: clientId, patient = "" } = token.claims;
  return rowOf({ clientId, name: "Your token", scope, patient }, true, () => Promise.resolve(heldToken()));
}

function rowOf(party: Party, isSession: boolean, token: Row["token"]): Row {
  return { party, isSession, token, cells: signal(unasked(party)), refusal: signal(null) };
}

function unasked(party: Party): readonly Cell[] {
  return questionsOf(party).map((question) => ({ question, verdict: null, exchange: null }));
}

/** Asks every cell anew, some at a time, each as its answer comes. Rejects with a `ProblemError` if nothing answers. */
export async function askAll(rows: readonly Row[], signal: AbortSignal): Promise<void> {
  for (const row of rows) {
    row.cells.value = unasked(row.party);
    row.refusal.value = null;
  }
  await inTurns(asking(rows, signal), AT_ONCE, (work) => work(), signal);
}

function* asking(rows: readonly Row[], signal: AbortSignal): Iterable<() => Promise<void>> {
  for (const row of rows) {
    // Asked for by the row's first cell, so that the rows above fill while those below have no token yet.
    let token: ReturnType<Row["token"]> | null = null;
    for (const place of row.cells.value.keys()) {
      yield async () => {
        token ??= tokenOf(row, signal);
        const one = await token;
        if (one) await askCell(row, place, one, signal);
      };
    }
  }
}

/** Returns a row's token, null if the server refused it: the other rows go on. */
async function tokenOf(row: Row, signal: AbortSignal): Promise<HeldToken | null> {
  try {
    return await row.token(signal);
  } catch (error) {
    // Status 0 is silence, which ends it for all.
    if (!(error instanceof ProblemError) || error.problem.status === 0) throw error;
    row.refusal.value = error.problem;
    return null;
  }
}

async function askCell(row: Row, place: number, token: HeldToken, signal: AbortSignal): Promise<void> {
  const cell = row.cells.value[place];
  if (!cell) return;
  const { question } = cell;
  const headers = { Accept: "application/fhir+json" };
  const { status, exchange } = await answerTo({ to: `${FHIR_PATH}/${question.path}`, headers, token, signal });
  row.cells.value = row.cells.value.with(place, { question, exchange, verdict: verdictOf(question, status) });
}
