/** What the server itself says of an access token: introspection, and one harmless call with it. */

import { useState } from "preact/hooks";

import { boundTo } from "../../oauth/check-proof.ts";
import { grantsOf } from "../../oauth/grants.ts";
import { glimpse } from "../../oauth/jws.ts";
import type { HeldToken } from "../../oauth/proof.ts";
import { introspect } from "../../oauth/token-calls.ts";
import { ExchangeDetail } from "../../parts/exchange-detail.tsx";
import { StatusBadge } from "../../parts/status-badge.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { answerTo } from "../../service/api.ts";
import type { Exchange } from "../../service/exchange.ts";
import { FHIR_PATH } from "../../service/place.ts";
import { heldToken, session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";

/** What may stand in a header; anything else has a fault of its form, which is told without asking. */
const SENDABLE = /^[A-Za-z0-9_.=-]+$/;

export function ServerAnswers({ token }: { readonly token: string }) {
  const [known, setKnown] = useState<Readonly<Record<string, unknown>> | null>(null);
  const [called, setCalled] = useState<Exchange | null>(null);
  const task = useTask();
  const credential = session.value?.credential;
  const canSend = SENDABLE.test(token) && !task.isRunning;
  const held = heldAs(token);
  const look = () =>
    credential &&
    task.run(async (signal) => {
      const answer = (await introspect(token, credential, signal)) as Readonly<Record<string, unknown>>;
      setKnown(answer);
      announce(knownWords(answer, credential.clientId));
    });
  const call = () =>
    task.run(async (signal) => {
      const headers = { Accept: "application/fhir+json" };
      const { exchange } = await answerTo({ to: `${FHIR_PATH}/${harmlessSearch(token)}`, headers, token: held, signal });
      setCalled(exchange);
      announce(calledWords(exchange));
    });
  return (
    <section class="card" aria-labelledby="answers-heading">
      <h2 id="answers-heading">What the server says</h2>
      <div class="row">
        <button type="button" disabled={!credential || !canSend} onClick={look}>Ask the server</button>
        <button type="button" disabled={!canSend || !held} onClick={call}>Make one call with it</button>
      </div>
      <p class="quiet">
        {credential
          ? `Asking is introspection, as the client ${credential.clientId}. The call is a search for one entry, which changes nothing.`
          : "Asking is introspection, which takes a client's credential: get a token first. The call is a search for one entry, which changes nothing."}
      </p>
      {!held && <p class="quiet">It is bound to a key that this page does not have, so that a call with it would lack a proof.</p>}
      <TaskState task={task} />
      {known && credential && (
        <>
          <p>{knownWords(known, credential.clientId)}</p>
          <pre class="code" tabIndex={0} aria-label="Answer of the introspection">{JSON.stringify(known, null, 2)}</pre>
        </>
      )}
      {called && (
        <>
          <p class="row">
            <StatusBadge one={called} /> <span>{calledWords(called)}</span>
          </p>
          <ExchangeDetail one={called} revealed={false} />
        </>
      )}
    </section>
  );
}

/** Returns a token as it goes with a call, null if this page does not have the key that it is bound to. */
function heldAs(text: string): HeldToken | null {
  const own = heldToken();
  if (own?.text === text) return own.scheme === "DPoP" && !own.key ? null : own;
  return boundTo(text) ? null : { text, scheme: "Bearer", key: null };
}

/** Returns a search that the token opens if it opens any, so that a refusal is about the token. */
function harmlessSearch(token: string): string {
  const { scope, patient } = glimpse(token)?.claims ?? {};
  const text = (claim: unknown) => (typeof claim === "string" ? claim : "");
  const open = grantsOf(text(scope), text(patient)).find((each) => each.letters.has("s"));
  return `${open?.type.name ?? "Organization"}?_count=1`;
}

function knownWords(known: Readonly<Record<string, unknown>>, clientId: string): string {
  if (known["active"] === true) return "The server takes it: it is active.";
  return `The server does not take it, or it is another client's: of those it tells ${clientId} nothing.`;
}

function calledWords({ status }: Exchange): string {
  if (status === 200) return "The API takes it.";
  if (status === 401) return "The API does not take it.";
  if (status === 403) return "The API takes it, but it does not open what was asked.";
  return "That answer is not about the token.";
}
