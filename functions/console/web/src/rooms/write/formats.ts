/** The two formats in which a resource is written. */

import { faultsOf, laidOut, placesIn, type TextFault, type TextRange, withId } from "../../fhir/json-places.ts";
import { faultsOfXml, placesInXml, withXmlId } from "../../fhir/xml-places.ts";
import { laidOutXml } from "../../fhir/xml-text.ts";

export type Format = "json" | "xml";

interface FormatRules {
  readonly title: string;
  readonly mediaType: string;
  /** Returns why a text cannot be sent. */
  readonly faultsOf: (text: string) => readonly TextFault[];
  /** Returns where a server's `expression` leads in a text. */
  readonly placesIn: (text: string) => (expression: string) => TextRange | null;
  /** Returns a text laid out anew; as it is, if it cannot be read. */
  readonly laidOut: (text: string) => string;
  /** Returns a resource's text with its id. */
  readonly withId: (text: string, id: string) => string;
}

export const FORMATS: Readonly<Record<Format, FormatRules>> = {
  json: { title: "JSON", mediaType: "application/fhir+json", faultsOf, placesIn, laidOut, withId },
  xml: {
    title: "XML",
    mediaType: "application/fhir+xml",
    faultsOf: faultsOfXml,
    placesIn: placesInXml,
    laidOut: (text) => (faultsOfXml(text).length ? text : laidOutXml(text)),
    withId: withXmlId,
  },
};
