/** Somebody else was quicker: what they have made of it beside what one has typed, and the choice between the two. */

import { useLayoutEffect, useRef } from "preact/hooks";

import { type Difference, differencesOf } from "../../../fhir/difference.ts";
import { DifferenceTable, MAX_ROWS } from "../../../parts/versions/version-comparison.tsx";
import type { Conflict } from "./use-writing.ts";

export function ConflictPanel({ conflict: { stored }, mine, onSettled }: {
  readonly conflict: Conflict;
  readonly mine: string;
  readonly onSettled: (whose: "mine" | "theirs") => void;
}) {
  const panel = useRef<HTMLElement>(null);
  // At once, before another key is pressed.
  useLayoutEffect(() => panel.current?.focus(), []);
  return (
    <section class="notice bad" aria-labelledby="conflict-heading" tabIndex={-1} ref={panel}>
      <h3 id="conflict-heading">{stored ? "Somebody else has changed it since it was read." : "Somebody else has deleted it."}</h3>
      <p>
        Nothing was written, and your text is still in the editor.{" "}
        {stored
          ? `The server has version ${stored.version} now. Take it, or go on with your text: the next save puts yours in its place.`
          : "Leave it deleted, or go on with your text: the next save brings it back so."}
      </p>
      {stored && (stored.format === "json" ? <Differences theirs={stored.text} mine={mine} /> : <Theirs text={stored.text} />)}
      <div class="row">
        <button type="button" onClick={() => onSettled("mine")}>Go on with mine</button>
        <button type="button" onClick={() => onSettled("theirs")}>{stored ? "Take theirs" : "Leave it deleted"}</button>
      </div>
    </section>
  );
}

function Theirs({ text }: { readonly text: string }) {
  return <pre class="code source" tabIndex={0} role="region" aria-label="Theirs, as XML">{text}</pre>;
}

function Differences({ theirs, mine }: { readonly theirs: string; readonly mine: string }) {
  const found = differences(theirs, mine);
  if (!found) return null;
  if (!found.length) return <p>Both say the same.</p>;
  return <DifferenceTable differences={found.slice(0, MAX_ROWS)} before="Theirs" after="Yours" />;
}

/** Returns what differs; null while what is being typed is no JSON. */
function differences(theirs: string, mine: string): readonly Difference[] | null {
  try {
    return differencesOf(JSON.parse(theirs) as Record<string, unknown>, JSON.parse(mine) as Record<string, unknown>);
  } catch {
    return null;
  }
}
