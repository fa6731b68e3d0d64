/** A new token for a session that has ended: by the client's secret, asked for again, or by the token room. */

import { useState } from "preact/hooks";

import { signIn, type Wanted } from "../oauth/token-calls.ts";
import type { Session } from "../service/session.ts";
import { announce } from "../shell/announcements.tsx";
import { addressOf } from "../shell/router.ts";
import { SecretField } from "./fields.tsx";
import { TaskState, useTask } from "./task.tsx";

export function Renewal({ session }: { readonly session: Session }) {
  const { scope, scheme, clientName, provenBy, token: { claims: { client_id: clientId } } } = session;
  return (
    <>
      <p>
        It was the session of <strong>{clientName}</strong>{clientName !== clientId && <> (<code class="wrap">{clientId}</code>)</>}.
        Whoever goes on proves that again.
      </p>
      {provenBy === "secret" && <SecretAgain clientId={clientId} clientName={clientName} wanted={{ scope, isBound: scheme === "DPoP" }} />}
      <div class="row">
        <a class="button" href={addressOf("token")}>{provenBy === "secret" ? "Get another token" : "Get a token, and come back"}</a>
      </div>
    </>
  );
}

function SecretAgain({ clientId, clientName, wanted }: {
  readonly clientId: string;
  readonly clientName: string;
  readonly wanted: Wanted;
}) {
  const [secret, setSecret] = useState("");
  const task = useTask();
  const renew = () =>
    task.run(async (signal) => {
      const granted = await signIn({ kind: "secret", clientId, secret: secret.trim() }, wanted, clientName, signal);
      announce(`The token is renewed. It lives ${granted.expires_in} seconds.`);
      // The form is gone, and what had the focus with it.
      document.getElementById("main")?.focus();
    });
  return (
    <form
      class="fields"
      onSubmit={(submit) => {
        submit.preventDefault();
        renew();
      }}
    >
      <SecretField label={`Client secret of ${clientName}`} value={secret} onValue={setSecret} />
      <div class="row">
        <button type="submit" class="main" disabled={task.isRunning || !secret.trim()}>Renew as {clientName}</button>
      </div>
      <TaskState task={task}>Asking for a token…</TaskState>
    </form>
  );
}
