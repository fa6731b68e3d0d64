/** An entry that was opened in its place: what can be done about a mistake in it, the whole resource, and its versions. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Resource } from "../../../fhir/datatypes.ts";
import { ResourceView } from "../../../parts/resource/resource-view.tsx";
import { VersionHistory } from "../../../parts/versions/version-history.tsx";
import { lettersOf, scopeFor } from "../../../oauth/grants.ts";
import { session } from "../../../service/session.ts";
import { addressOf } from "../../../shell/router.ts";
import { entryOf } from "../entries/entries.ts";
import { isWritten, useOpenRecord } from "../open-record.ts";
import type { RecordType } from "../record-plan.ts";
import { CorrectionForm } from "./correction-form.tsx";
import { isInError } from "./in-error.ts";
import type { Deed } from "./use-correction.ts";

export function OpenedEntry({ resource }: { readonly resource: Resource }) {
  const record = useOpenRecord();
  const [deed, setDeed] = useState<Deed | null>(null);
  const [said, setSaid] = useState("");
  const place = useRef<HTMLDivElement>(null);
  const isChosen = useRef(false);
  const type = resource.resourceType as RecordType;
  const { id = "" } = resource;
  const lineOf = (one: Resource) => {
    const entry = entryOf(one, record.named);
    return entry ? [entry.title, entry.when, ...entry.facts.slice(0, 1)].filter((each) => each !== "").join(", ") : "";
  };
  /** Says what was written, and puts the focus where it was, or where the entry has gone. */
  const arrive = () => {
    const { current } = record.written;
    if (current?.path === `${type}/${id}`) {
      record.written.current = null;
      setSaid(current.said);
    }
    for (let fold = place.current?.closest("details"); fold; fold = fold.parentElement?.closest("details")) fold.open = true;
    place.current?.focus();
  };
  useLayoutEffect(() => {
    if (isWritten(record, [resource])) arrive();
  }, []);
  useEffect(() => {
    if (deed === null && isChosen.current) arrive();
    isChosen.current = deed !== null;
  }, [deed]);
  const choose = (one: Deed) => {
    setSaid("");
    setDeed(one);
  };
  return (
    <>
      <div class="opened-entry" role="group" aria-label={lineOf(resource)} tabIndex={-1} ref={place}>
        {said && <p class="notice good">{said}</p>}
        {deed === null ? (
          <Acts resource={resource} onChosen={choose} />
        ) : (
          <CorrectionForm key={deed} deed={deed} type={type} id={id} title={lineOf(resource)} onClose={() => setDeed(null)} />
        )}
      </div>
      <ResourceView resource={resource} />
      <VersionHistory type={type} id={id} latest={resource.meta?.versionId} lineOf={lineOf} isVoid={isInError} />
    </>
  );
}

function Acts({ resource, onChosen }: {
  readonly resource: Resource;
  readonly onChosen: (deed: Deed) => void;
}) {
  const { scope, patient } = session.value?.token.claims ?? { scope: "" };
  const { resourceType: type, id = "" } = resource;
  const letters = lettersOf(scope, type, patient);
  const lacking = (["r", "u"] as const).filter((each) => !letters.has(each));
  if (lacking.length) {
    return <p class="quiet">Correcting it takes a scope such as <code>{scopeFor(scope, type, lacking.join(""), patient)}</code>.</p>;
  }
  return (
    <div class="row">
      {isInError(resource) ? (
        <button type="button" class="small" onClick={() => onChosen("not-in-error")}>Bring it back</button>
      ) : (
        <>
          <button type="button" class="small" onClick={() => onChosen("correct")}>Correct</button>
          <button type="button" class="small" onClick={() => onChosen("in-error")}>Entered in error</button>
        </>
      )}
      <a href={addressOf("explore", type, id)}>Open it in Explore</a>
    </div>
  );
}
