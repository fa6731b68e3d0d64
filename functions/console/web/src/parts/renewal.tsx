/** A new token for a session that has ended: by one click if the page holds the credential, else by the token room. */

import { signIn } from "../oauth/token-calls.ts";
import type { Session } from "../service/session.ts";
import { announce } from "../shell/announcements.tsx";
import { addressOf } from "../shell/router.ts";
import { TaskState, useTask } from "./task.tsx";

export function Renewal({ session }: { readonly session: Session }) {
  const { credential, scope, clientName } = session;
  const task = useTask();
  const renew = () =>
    credential &&
    task.run(async (signal) => {
      const granted = await signIn(credential, scope, clientName, signal);
      announce(`The token is renewed. It lives ${granted.expires_in} seconds.`);
      // The button is gone, and what had the focus with it.
      document.getElementById("main")?.focus();
    });
  return (
    <>
      <div class="row">
        {credential && (
          <button type="button" class="main" disabled={task.isRunning} onClick={renew}>Renew as {clientName}</button>
        )}
        <a class="button" href={addressOf("token")}>{credential ? "Get another token" : "Get a token, and come back"}</a>
      </div>
      <TaskState task={task}>Asking for a token…</TaskState>
    </>
  );
}
