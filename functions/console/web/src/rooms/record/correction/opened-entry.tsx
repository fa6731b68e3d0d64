/** An entry that was opened in its place: what can be done about a mistake in it, the whole resource, and its versions. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

import type { Resource } from "../../../fhir/datatypes.ts";
import { today } from "../../../fhir/dates.ts";
import { ResourceView } from "../../../parts/resource/resource-view.tsx";
import { VersionHistory } from "../../../parts/versions/version-history.tsx";
import { lettersOf, scopeFor } from "../../../oauth/grants.ts";
import { session } from "../../../service/session.ts";
import { addressOf } from "../../../shell/router.ts";
import { entryOf } from "../entries/entries.ts";
import type { Named } from "../names.ts";
import { isWritten, useOpenRecord } from "../open-record.ts";
import { bornText, nhsNumber, patientName } from "../patient-summary.ts";
import type { CorrectedType } from "../record-plan.ts";
import { CorrectionForm } from "./correction-form.tsx";
import { isInError } from "./in-error.ts";
import type { Deed } from "./use-correction.ts";

export function OpenedEntry({ resource, begin = null }: { readonly resource: Resource; readonly begin?: Deed | null }) {
  const { named } = useOpenRecord();
  const { resourceType: type, id = "" } = resource;
  return (
    <>
      <EntryActs resource={resource} begin={begin} />
      <ResourceView resource={resource} />
      <VersionHistory type={type} id={id} latest={resource.meta?.versionId} lineOf={(one) => lineOf(one, named)} isVoid={isInError} />
    </>
  );
}

/** Returns what a resource says, in a few words. */
export function lineOf(resource: Resource, named: Named): string {
  if (resource.resourceType === "Patient") {
    const number = nhsNumber(resource)?.text ?? "";
    return [patientName(resource), `born ${bornText(resource, today())}`, number && `NHS number ${number}`].filter((each) => each !== "").join(", ");
  }
  const entry = entryOf(resource, named);
  return entry ? [entry.title, entry.when, ...entry.facts.slice(0, 1)].filter((each) => each !== "").join(", ") : "";
}

/** What can be done about a mistake in an entry; `begin` is what is done at once. */
export function EntryActs({ resource, begin = null }: { readonly resource: Resource; readonly begin?: Deed | null }) {
  const record = useOpenRecord();
  const [deed, setDeed] = useState<Deed | null>(begin);
  const [said, setSaid] = useState("");
  const place = useRef<HTMLDivElement>(null);
  const isChosen = useRef(false);
  const type = resource.resourceType as CorrectedType;
  const { id = "" } = resource;
  const line = lineOf(resource, record.named);
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
    <div class="opened-entry" role="group" aria-label={line} tabIndex={-1} ref={place}>
      {said && <p class="notice good">{said}</p>}
      {deed === null ? (
        <Acts resource={resource} onChosen={choose} />
      ) : (
        <CorrectionForm key={deed} deed={deed} type={type} id={id} title={line} onClose={() => setDeed(null)} />
      )}
    </div>
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
  const inExplore = <a href={addressOf("explore", type, id)}>Open it in Explore</a>;
  if (lacking.length) {
    const scopeText = scopeFor(scope, type, lacking.join(""), patient);
    return <p class="quiet">Correcting it takes a scope such as <code>{scopeText}</code>. {inExplore}</p>;
  }
  return (
    <div class="row">
      {isInError(resource) ? (
        <button type="button" class="small" onClick={() => onChosen("not-in-error")}>Bring it back</button>
      ) : (
        <>
          <button type="button" class="small" onClick={() => onChosen("correct")}>Correct</button>
          <button type="button" class="small" onClick={() => onChosen("in-error")}>
            {type === "Patient" ? "Record not in use" : "Entered in error"}
          </button>
        </>
      )}
      {inExplore}
    </div>
  );
}
