/** One token: how long it lives, what it says, what it opens, what the server knows of it, and its end. */

import { useState } from "preact/hooks";

import { introspect, revoke } from "../../oauth/token-calls.ts";
import { Claims } from "../../parts/claims.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { expiresIn, type Session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { duration, now } from "../../shell/clock.ts";
import { GrantTable } from "./grant-table.tsx";

export function TokenCard({ session }: { readonly session: Session }) {
  const { token, credential, scope } = session;
  const [known, setKnown] = useState<unknown>(null);
  const [isRevoked, setRevoked] = useState(false);
  const task = useTask();
  const look = () =>
    credential &&
    task.run(async (signal) => {
      const answer = await introspect(token.text, credential, signal);
      setKnown(answer);
      announce("The server has answered what it knows of the token.");
    });
  const end = () =>
    credential &&
    task.run(async (signal) => {
      await revoke(token.text, credential, signal);
      setRevoked(true);
      announce("The token is revoked. The API may take it for a minute more.");
    });
  return (
    <>
      <section class="card" aria-labelledby="token-heading">
        <div class="row apart">
          <h2 id="token-heading">The token</h2>
          <Countdown session={session} />
        </div>
        <div class="row">
          <CopyButton label="Copy the token" text={() => token.text} />
          <button type="button" class="small" disabled={task.isRunning || !credential} onClick={look}>Introspect</button>
          <button type="button" class="small danger" disabled={task.isRunning || !credential || isRevoked} onClick={end}>
            Revoke
          </button>
        </div>
        <TaskState task={task} />
        {isRevoked && (
          <p class="notice">
            Revoked. The gateway keeps its last decision for up to a minute; after that every call with it is refused.
          </p>
        )}
        {known !== null && (
          <>
            <h3>What the server knows of it</h3>
            <pre class="code" tabIndex={0} aria-label="Answer of the introspection">{JSON.stringify(known, null, 2)}</pre>
          </>
        )}
        <Claims title="What it says" members={{ ...token.claims }} />
        <details class="more">
          <summary>Its header: how it is signed</summary>
          <Claims members={token.header} />
        </details>
      </section>
      <GrantTable scope={scope} patient={token.claims.patient} />
    </>
  );
}

function Countdown({ session }: { readonly session: Session }) {
  const { exp, iat } = session.token.claims;
  const left = expiresIn(session, now.value);
  return (
    <span class={left > 0 ? "row" : "row fault"}>
      <meter min={0} max={Math.max(1, exp - iat)} value={Math.max(0, left)} aria-label="Seconds left" />
      <span class="figures" data-testid="countdown">{left > 0 ? `${duration(left)} left` : "Expired: get a new one"}</span>
    </span>
  );
}
