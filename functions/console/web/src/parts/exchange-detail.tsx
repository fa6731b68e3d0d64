/** One request as it went and what was answered, with copies to paste. */

import type { Exchange } from "../service/exchange.ts";
import { answerText, bodyPieces, headerPieces, plainText } from "../service/secrets.ts";
import { CopyRequest } from "./copy-request.tsx";

export function ExchangeDetail({ one, revealed }: { readonly one: Exchange; readonly revealed: boolean }) {
  return (
    <>
      <CopyRequest one={one} revealed={revealed} />
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
