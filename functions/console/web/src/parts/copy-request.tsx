/** A request as something to paste, in each language. */

import type { Exchange } from "../service/exchange.ts";
import { copyNote, copyOf, LANGUAGES } from "../service/request-copies.ts";
import { CopyButton } from "./copy-button.tsx";

export function CopyRequest({ one, revealed = false }: {
  readonly one: Exchange;
  /** Whether secrets stand in the copy, instead of their names. */
  readonly revealed?: boolean;
}) {
  const note = copyNote(one);
  return (
    <div class="row" role="group" aria-label="Copy this request">
      <span class="quiet">Copy as</span>
      {LANGUAGES.map((language) => (
        <CopyButton key={language} label={language} text={() => copyOf(language, one, revealed)} />
      ))}
      {note && <span class="quiet">{note}</span>}
    </div>
  );
}
