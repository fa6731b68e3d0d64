/** Leads to an export that was started elsewhere, or before this page was loaded anew: by its URL. */

import { useState } from "preact/hooks";

import { TextField } from "../../parts/fields.tsx";
import { addJob, jobUrlIn } from "./jobs.ts";

export function KnownJob({ clientId }: { readonly clientId: string }) {
  const [typed, setTyped] = useState("");
  const [fault, setFault] = useState("");
  const watch = () => {
    const url = jobUrlIn(typed);
    setFault(url === null ? "This is no URL of an export of this server." : "");
    if (url === null) return;
    setTyped("");
    addJob({ url, clientId, words: "", begun: null });
  };
  return (
    <form
      class="card"
      aria-label="An export that was started elsewhere"
      onSubmit={(submit) => {
        submit.preventDefault();
        watch();
      }}
    >
      <TextField
        label="URL of an export that was started elsewhere"
        value={typed}
        fault={fault}
        hint="The Content-Location of its start, with a token of the same client."
        onValue={setTyped}
      />
      <div class="row"><button type="submit" disabled={!typed.trim()}>Watch it</button></div>
    </form>
  );
}
