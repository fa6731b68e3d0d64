/** Names of FHIR's elements, extensions and code systems, as a person reads them. */

/** Elements that come in one of several types, the type at the end of the name (STU3 Formats §2.6.1.4). */
const CHOICE =
  /^(value|effective|onset|abatement|deceased|multipleBirth|performed|medication|reported|asNeeded|dose|rate|bounds|item|allowed|occurrence)(Boolean|Integer|Decimal|String|Code|Uri|Date|DateTime|Time|Instant|Age|Duration|Period|Range|Quantity|SimpleQuantity|Ratio|Coding|CodeableConcept|Identifier|Reference|Attachment|Timing|SampledData)$/;

const SYSTEMS: Readonly<Record<string, string>> = {
  "http://snomed.info/sct": "SNOMED CT",
  "http://loinc.org": "LOINC",
  "http://unitsofmeasure.org": "UCUM",
  "https://dmd.nhs.uk": "dm+d",
};

/** Returns a name in camel case as words: `birthDate` is `Birth date`, `NHSNumber` is `NHS number`. */
export function wordsOf(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .replace(/([A-Z])([A-Z][a-z])/g, "$1 $2")
    .replace(/[-_.]+/g, " ")
    .trim()
    .split(/\s+/)
    .map((word) => (/^[A-Z][A-Z0-9]+$/.test(word) ? word : word.toLowerCase()));
  const text = words.join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Returns an element's label: its name in words, without the type of a choice: `effectiveDateTime` is `Effective`. */
export function elementLabel(name: string): string {
  return wordsOf(CHOICE.exec(name)?.[1] ?? name);
}

/** Returns an extension's label: the last part of its URL, without what every one of the profile's has about it. */
export function extensionLabel(url: string): string {
  const name = /^Extension-(?:CareConnect-)?(.+?)(?:-\d+)?$/.exec(lastPart(url))?.[1] ?? lastPart(url);
  return wordsOf(name);
}

/** Returns a code system's usual name, else the last part of its URI without the profile's own beginning. */
export function systemName(uri: string): string {
  return SYSTEMS[uri] ?? /^(?:CareConnect-)?(.+?)(?:-\d+)?$/.exec(lastPart(uri))?.[1] ?? uri;
}

function lastPart(uri: string): string {
  return uri.replace(/[/#]+$/, "").split(/[/#]/).at(-1) ?? uri;
}
