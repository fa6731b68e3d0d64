/** One resource: rendered for a person, as JSON, and as XML. */

import type { ComponentChildren } from "preact";
import { useId, useState } from "preact/hooks";

import type { Resource } from "../../fhir/datatypes.ts";
import { dateText } from "../../fhir/dates.ts";
import { titleOf } from "../../fhir/titles.ts";
import { addressOf } from "../../shell/router.ts";
import { JsonView } from "./json-view.tsx";
import { Rendered } from "./rendered.tsx";
import { XmlView } from "./xml-view.tsx";

type Form = "Rendered" | "JSON" | "XML";

const FORMS: readonly Form[] = ["Rendered", "JSON", "XML"];

export function ResourceView({ resource, etag, actions }: {
  readonly resource: Resource;
  /** The answer's ETag, where it was read by itself. */
  readonly etag?: string | undefined;
  /** Buttons and links of the room that shows it. */
  readonly actions?: ComponentChildren;
}) {
  const [form, setForm] = useState<Form>("Rendered");
  const heading = useId();
  const { resourceType, id = "", meta } = resource;
  const name = `${resourceType}/${id}`;
  const version = [
    meta?.versionId && `version ${meta.versionId}`,
    meta?.lastUpdated && `of ${dateText(meta.lastUpdated)}`,
  ];
  const told = [version.filter((each) => each).join(" "), etag && `ETag ${etag}`];
  return (
    <section class="card resource" aria-labelledby={heading}>
      <div>
        <h2 id={heading} class="wrap">
          {titleOf(resource) || name}
        </h2>
        <p class="quiet wrap">
          <code>{name}</code> {told.filter((each) => each).join(", ")}
        </p>
      </div>
      {(resourceType === "Patient" || actions) && (
        <div class="row">
          {resourceType === "Patient" && <a class="button small" href={addressOf("record", id)}>Open the record</a>}
          {actions}
        </div>
      )}
      <div class="tabs" role="group" aria-label="Form">
        {FORMS.map((each) => (
          <button key={each} type="button" aria-pressed={each === form} onClick={() => setForm(each)}>
            {each}
          </button>
        ))}
      </div>
      {form === "Rendered" && <Rendered resource={resource} />}
      {form === "JSON" && <JsonView resource={resource} />}
      {form === "XML" && <XmlView key={name} resource={resource} />}
    </section>
  );
}
