/** Leads to an export that was started elsewhere, or before this page was loaded anew: by its URL. */

import { useId, useState } from "preact/hooks";

import { addJob, jobUrlIn } from "./jobs.ts";

export function KnownJob({ clientId }: { readonly clientId: string }) {
  const [typed, setTyped] = useState("");
  const [fault, setFault] = useState("");
  const id = useId();
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
      <div class="field">
        <label for={id}>URL of an export that was started elsewhere</label>
        <input
          id={id}
          value={typed}
          autocomplete="off"
          autocapitalize="none"
          spellcheck={false}
          aria-invalid={fault !== ""}
          aria-describedby={`${id}-hint`}
          onInput={(input) => setTyped(input.currentTarget.value)}
        />
        <span class="quiet" id={`${id}-hint`}>The Content-Location of its start, with a token of the same client.</span>
        {fault && <span class="fault" role="alert">{fault}</span>}
      </div>
      <div class="row"><button type="submit" disabled={!typed.trim()}>Watch it</button></div>
    </form>
  );
}
