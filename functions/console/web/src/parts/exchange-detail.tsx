/** One request as it went and what was answered, with copies to paste. */

import type { Exchange } from "../service/exchange.ts";
import { copyOf, LANGUAGES } from "../service/request-copies.ts";
import { answerText, bodyPieces, headerPieces, plainText } from "../service/secrets.ts";
import { CopyButton } from "./copy-button.tsx";

export function ExchangeDetail({ one, revealed }: { readonly one: Exchange; readonly revealed: boolean }) {
  return (
    <>
      <div class="row" role="group" aria-label="Copy this request">
        <span class="quiet">Copy as</span>
        {LANGUAGES.map((language) => (
          <CopyButton key={language} label={language} text={() => copyOf(language, one, revealed)} />
        ))}
      </div>
      <pre class="code" tabIndex={0} aria-label="Request and answer">{told(one, revealed)}</pre>
    </>
  );
}

function told(one: Exchange, revealed: boolean): string {
  const sent = Object.entries(one.headers).map(([name, value]) => `${name}: ${plainText(headerPieces(name, value, revealed))}`);
  const body = plainText(bodyPieces(one, revealed));
  const got = Object.entries(one.answerHeaders).map(([name, value]) => `${name}: ${value}`);
  const request = [`${one.method} ${one.url}`, ...sent, ...(body ? ["", body] : [])];
  if (!one.status) return [...request, "", `(${one.state})`].join("\n");
  return [...request, "", `${one.status}`, ...got, "", answerText(one.answer, revealed)].join("\n");
}
