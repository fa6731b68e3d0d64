/** One token: how long it lives, what it says, what it opens, what the server knows of it, and its end. */

import { useEffect, useRef, useState } from "preact/hooks";

import { introspect, revoke } from "../../oauth/token-calls.ts";
import { Claims } from "../../parts/claims.tsx";
import { CopyButton } from "../../parts/copy-button.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { endOf, expiresIn, noteRevocation, type Session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { duration, now } from "../../shell/clock.ts";
import { sessionEnd } from "../../shell/session-ended.tsx";
import { GrantTable } from "./grant-table.tsx";

export function TokenCard({ session, isFresh }: {
  readonly session: Session;
  /** Whether it was asked for just now: then it is brought into sight. */
  readonly isFresh: { current: boolean };
}) {
  const { token, scheme, credential, scope, isRevoked } = session;
  const [known, setKnown] = useState<unknown>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const task = useTask();
  const hasEnded = sessionEnd.value !== null;
  useEffect(() => {
    if (isFresh.current) bringIntoSight(heading.current);
    isFresh.current = false;
  }, []);
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
      // What was known before is no longer so.
      setKnown(null);
      noteRevocation(session);
      announce("The token is revoked. The API may take it for a minute more.");
    });
  return (
    <>
      <section class="card" aria-labelledby="token-heading">
        <div class="row apart">
          <h2 id="token-heading" tabIndex={-1} ref={heading}>The token</h2>
          <Countdown session={session} />
        </div>
        <div class="row">
          <CopyButton label="Copy the token" text={() => token.text} />
          <button type="button" class="small" disabled={task.isRunning || !credential} onClick={look}>Introspect</button>
          <button type="button" class="small danger" disabled={task.isRunning || !credential || isRevoked} onClick={end}>
            Revoke
          </button>
        </div>
        <p class="quiet">
          {scheme === "DPoP"
            ? "It is a DPoP token: bound to a key that cannot leave this page. A copy of it opens nothing; for one to paste, ask for a Bearer token above."
            : "It is a Bearer token: whoever has a copy of it can use it until it ends."}
        </p>
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
      <GrantTable title={hasEnded ? "What it opened" : "What it opens"} scope={scope} patient={token.claims.patient} />
    </>
  );
}

/** Gives a heading the focus, and scrolls to it if it is not in the upper half of the window. */
function bringIntoSight(heading: HTMLElement | null): void {
  if (!heading) return;
  heading.focus({ preventScroll: true });
  const { top, bottom } = heading.getBoundingClientRect();
  if (top < 0 || bottom > window.innerHeight / 2) heading.scrollIntoView({ block: "start" });
}

function Countdown({ session }: { readonly session: Session }) {
  const { exp, iat } = session.token.claims;
  const left = expiresIn(session, now.value);
  const ended = endOf(session, now.value);
  if (ended) return <span class="fault" data-testid="countdown">{ended === "revoked" ? "Revoked" : "Expired"}</span>;
  return (
    <span class="row">
      <meter min={0} max={Math.max(1, exp - iat)} value={left} aria-label="Seconds left" />
      <span class="figures" data-testid="countdown">{duration(left)} left</span>
    </span>
  );
}
