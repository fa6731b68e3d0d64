/** A resource as XML, as the server itself writes it: asked for when it is looked at. */

import { useEffect, useState } from "preact/hooks";

import type { Resource } from "../../fhir/datatypes.ts";
import { xmlLines } from "../../fhir/xml-text.ts";
import { ask } from "../../service/api.ts";
import { FHIR_PATH } from "../../service/place.ts";
import { CopyButton } from "../copy-button.tsx";
import { TaskState, useTask } from "../task.tsx";
import { BoundedList } from "./bounded-list.tsx";

const MAX_LINES = 400;

export function XmlView({ resource }: { readonly resource: Resource }) {
  const [xml, setXml] = useState("");
  const task = useTask();
  const fetchXml = () =>
    task.run(async (signal) => {
      const answer = await ask({ to: addressOfVersion(resource), headers: { Accept: "application/fhir+xml" }, signal });
      setXml(answer.text);
    });
  useEffect(fetchXml, [resource]);
  return (
    <>
      <TaskState task={task} again={fetchXml}>Asking for the XML…</TaskState>
      {xml && (
        <>
          <div class="row">
            <CopyButton label="Copy XML" text={() => xml} />
          </div>
          <BoundedList items={xmlLines(xml)} limit={MAX_LINES} what="lines">
            {(shown) => (
              <pre class="code source" tabIndex={0} role="region" aria-label="Resource as XML">{shown.join("\n")}</pre>
            )}
          </BoundedList>
        </>
      )}
    </>
  );
}

/** Returns where the very version is read that is looked at, which may not be the present one any more. */
function addressOfVersion({ resourceType, id = "", meta }: Resource): string {
  const version = meta?.versionId;
  const path = [resourceType, id, ...(version ? ["_history", version] : [])];
  return `${FHIR_PATH}/${path.map(encodeURIComponent).join("/")}`;
}
