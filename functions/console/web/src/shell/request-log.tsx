/** Every request as it went, the newest first, with copies to paste. */

import { useState } from "preact/hooks";

import { ExchangeDetail } from "../parts/exchange-detail.tsx";
import { StatusBadge } from "../parts/status-badge.tsx";
import { exchanges } from "../service/api.ts";
import type { Exchange } from "../service/exchange.ts";
import { ROOT } from "../service/place.ts";

export function RequestLog() {
  const [isOpen, setOpen] = useState(false);
  const [revealed, setRevealed] = useState(false);
  const list = exchanges.value;
  return (
    <aside class="log" aria-label="Requests">
      <button type="button" class="log-head" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span>Requests</span> <span class="badge">{list.length}</span>
        <Latest one={list.at(-1)} />
      </button>
      {isOpen && (
        <div class="log-body">
          <div class="row">
            <label class="check">
              <input type="checkbox" checked={revealed} onChange={() => setRevealed(!revealed)} /> Show secrets and tokens
            </label>
            <button type="button" class="plain" onClick={() => (exchanges.value = [])}>Clear</button>
          </div>
          {list.length ? (
            <ol class="log-list">
              {list.toReversed().map((each) => (
                <Entry key={each.id} one={each} revealed={revealed} />
              ))}
            </ol>
          ) : (
            <p class="quiet">Nothing was asked yet.</p>
          )}
        </div>
      )}
    </aside>
  );
}

function Latest({ one }: { readonly one: Exchange | undefined }) {
  if (!one) return null;
  return (
    <span class="latest">
      <code class="clip">{one.method} {shortUrl(one.url)}</code>
      <StatusBadge one={one} />
    </span>
  );
}

function Entry({ one, revealed }: { readonly one: Exchange; readonly revealed: boolean }) {
  const [isOpen, setOpen] = useState(false);
  return (
    <li>
      <details onToggle={(toggle) => setOpen(toggle.currentTarget.open)}>
        <summary>
          <StatusBadge one={one} />
          <code class="clip">{one.method} {shortUrl(one.url)}</code>
          <span class="figures quiet">{one.state === "under way" ? "…" : `${one.milliseconds} ms`}</span>
        </summary>
        {isOpen && <ExchangeDetail one={one} revealed={revealed} />}
      </details>
    </li>
  );
}

function shortUrl(url: string): string {
  return url.startsWith(ROOT) ? url.slice(ROOT.length) : url;
}
