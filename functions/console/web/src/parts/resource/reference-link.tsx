/** A reference as a link to the resource that it names, where this server has it. */

import type { ComponentChildren } from "preact";

import { placeOf } from "../../fhir/references.ts";
import { addressOf } from "../../shell/router.ts";

export function ReferenceLink({ reference, children }: {
  readonly reference: string;
  readonly children: ComponentChildren;
}) {
  const place = placeOf(reference);
  // Another server's would leave the page, and a contained one stands in this resource already.
  if (!place) return <>{children}</>;
  return <a href={addressOf("explore", place.type, place.id)}>{children}</a>;
}
