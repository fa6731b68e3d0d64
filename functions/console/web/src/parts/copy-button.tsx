/** A button that puts a text on the clipboard, and says so. */

import { useState } from "preact/hooks";

import { announce } from "../shell/announcements.tsx";

export function CopyButton({ label, text }: { readonly label: string; readonly text: () => string }) {
  const [state, setState] = useState("");
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text());
      tell("Copied");
    } catch {
      tell("The browser did not allow it");
    }
  };
  const tell = (outcome: string) => {
    announce(`${label}: ${outcome}`);
    setState(outcome);
    setTimeout(() => setState(""), 2000);
  };
  return (
    <button type="button" class="small" onClick={() => void copy()}>
      {state || label}
    </button>
  );
}
