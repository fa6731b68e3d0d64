/** Whether a medicine meets an allergy: by the same code, by the substance's name, or as one of its class. */

import type { CodeableConcept } from "../fhir/datatypes.ts";

interface SubstanceClass {
  readonly name: string;
  /** Names of the class, and of what belongs to it, as names of medicines have them. */
  readonly words: readonly string[];
  /** What else its medicines are called in the UK. */
  readonly otherNames: readonly OtherName[];
  /** SNOMED CT's codes of the substances, of the allergies to them, and of products (dm+d). */
  readonly codes: readonly ClassCode[];
}

/** A brand or a short name, as words with single spaces. */
interface OtherName {
  readonly name: string;
  readonly means: string;
  readonly source: string;
}

/** A code that stands for its class without its name. Where nobody could look one up, the name alone is met. */
interface ClassCode {
  readonly code: string;
  readonly means: string;
  /** Where the code has this meaning; SNOMED International's browser has it at `?perspective=full&conceptId1=` with the code. */
  readonly source: string;
}

export const SAMPLE = "the sample of this repository";
const RI_STU3 = "the records of the Care Connect reference implementation";

const BRAND = "a brand in the UK; not compared with the names of products in the NHS dictionary of medicines and devices (dm+d)";
const SHORT = "a short form that prescribers write; no terminology has it";

/** Classes within which an allergy to one is one to all, until somebody says otherwise (BNF, "Hypersensitivity" of each class). */
export const CLASSES: readonly SubstanceClass[] = [
  {
    name: "penicillins",
    words: [
      "penicillin", "penicillins", "amoxicillin", "amoxycillin", "ampicillin", "benzylpenicillin", "phenoxymethylpenicillin", "flucloxacillin",
      "co-amoxiclav", "co-fluampicil", "piperacillin", "pivmecillinam", "temocillin", "ticarcillin",
    ],
    otherNames: [
      { name: "amoxil", means: "amoxicillin", source: BRAND },
      { name: "augmentin", means: "co-amoxiclav", source: BRAND },
      { name: "augmentin-duo", means: "co-amoxiclav", source: BRAND },
      { name: "tazocin", means: "piperacillin with tazobactam", source: BRAND },
      { name: "selexid", means: "pivmecillinam", source: BRAND },
      { name: "negaban", means: "temocillin", source: BRAND },
      { name: "pen v", means: "phenoxymethylpenicillin", source: SHORT },
      { name: "pen g", means: "benzylpenicillin", source: SHORT },
      { name: "benpen", means: "benzylpenicillin", source: SHORT },
      { name: "ben pen", means: "benzylpenicillin", source: SHORT },
      { name: "amox", means: "amoxicillin", source: SHORT },
      { name: "co-amox", means: "co-amoxiclav", source: SHORT },
      { name: "fluclox", means: "flucloxacillin", source: SHORT },
      { name: "pip-taz", means: "piperacillin with tazobactam", source: SHORT },
      { name: "pip taz", means: "piperacillin with tazobactam", source: SHORT },
      { name: "piptaz", means: "piperacillin with tazobactam", source: SHORT },
    ],
    codes: [
      { code: "764146007", means: "Penicillin (substance)", source: "HL7, International Patient Summary 1.1.0, example allergyintolerance-multiple-codings" },
      { code: "373270004", means: "Penicillin -class of antibiotic-", source: RI_STU3 },
      { code: "91936005", means: "Allergy to penicillin", source: SAMPLE },
      { code: "372687004", means: "Amoxicillin", source: SAMPLE },
      { code: "294505008", means: "Allergy to amoxicillin", source: SAMPLE },
      { code: "323509004", means: "Amoxicillin 250mg capsules", source: SAMPLE },
    ],
  },
  {
    name: "non-steroidal anti-inflammatory medicines",
    words: [
      "nsaid", "nsaids", "anti-inflammatory", "aspirin", "ibuprofen", "naproxen", "diclofenac", "indometacin", "ketoprofen", "mefenamic", "meloxicam",
      "celecoxib", "etoricoxib", "piroxicam",
    ],
    otherNames: [
      { name: "disprin", means: "aspirin", source: BRAND },
      { name: "nu-seals", means: "aspirin", source: BRAND },
      { name: "nurofen", means: "ibuprofen", source: BRAND },
      { name: "brufen", means: "ibuprofen", source: BRAND },
      { name: "calprofen", means: "ibuprofen", source: BRAND },
      { name: "ibugel", means: "ibuprofen", source: BRAND },
      { name: "fenbid", means: "ibuprofen", source: BRAND },
      { name: "naprosyn", means: "naproxen", source: BRAND },
      { name: "vimovo", means: "naproxen with esomeprazole", source: BRAND },
      { name: "voltarol", means: "diclofenac", source: BRAND },
      { name: "arthrotec", means: "diclofenac with misoprostol", source: BRAND },
      { name: "oruvail", means: "ketoprofen", source: BRAND },
      { name: "ponstan", means: "mefenamic acid", source: BRAND },
      { name: "celebrex", means: "celecoxib", source: BRAND },
      { name: "arcoxia", means: "etoricoxib", source: BRAND },
      { name: "feldene", means: "piroxicam", source: BRAND },
    ],
    codes: [
      { code: "387458008", means: "Aspirin", source: SAMPLE },
      { code: "293586001", means: "Allergy to aspirin", source: "HL7, C-CDA on FHIR 1.2.0, example CF-allergy" },
      { code: "319775004", means: "Aspirin 75mg tablets", source: SAMPLE },
    ],
  },
  {
    name: "cephalosporins",
    words: ["cephalosporin", "cephalosporins", "cefalexin", "cefaclor", "cefadroxil", "cefixime", "cefotaxime", "cefradine", "ceftazidime", "ceftriaxone", "cefuroxime"],
    otherNames: [
      { name: "keflex", means: "cefalexin", source: BRAND },
      { name: "ceporex", means: "cefalexin", source: BRAND },
      { name: "distaclor", means: "cefaclor", source: BRAND },
      { name: "suprax", means: "cefixime", source: BRAND },
      { name: "fortum", means: "ceftazidime", source: BRAND },
      { name: "zavicefta", means: "ceftazidime with avibactam", source: BRAND },
      { name: "rocephin", means: "ceftriaxone", source: BRAND },
      { name: "zinacef", means: "cefuroxime", source: BRAND },
      { name: "zinnat", means: "cefuroxime", source: BRAND },
    ],
    codes: [],
  },
  {
    name: "sulfonamides",
    words: ["sulfonamide", "sulfonamides", "sulphonamide", "sulphonamides", "sulfamethoxazole", "sulfadiazine", "co-trimoxazole"],
    otherNames: [
      { name: "septrin", means: "co-trimoxazole", source: BRAND },
      { name: "flamazine", means: "silver sulfadiazine", source: BRAND },
    ],
    codes: [{ code: "91939003", means: "Allergy to sulfonamide", source: "HL7 Belgium, Prescription Search Support 1.0.0, example of a known allergy" }],
  },
  {
    name: "macrolides",
    words: ["macrolide", "macrolides", "erythromycin", "clarithromycin", "azithromycin"],
    otherNames: [
      { name: "erythroped", means: "erythromycin", source: BRAND },
      { name: "erymax", means: "erythromycin", source: BRAND },
      { name: "erythrocin", means: "erythromycin", source: BRAND },
      { name: "zineryt", means: "erythromycin with zinc", source: BRAND },
      { name: "klaricid", means: "clarithromycin", source: BRAND },
      { name: "zithromax", means: "azithromycin", source: BRAND },
    ],
    codes: [{ code: "91931000", means: "Allergy to erythromycin", source: "HL7, FHIR R5, value set adverse-event-supporting-info" }],
  },
  {
    name: "tetracyclines",
    words: ["tetracycline", "tetracyclines", "doxycycline", "lymecycline", "minocycline", "oxytetracycline"],
    otherNames: [
      { name: "vibramycin", means: "doxycycline", source: BRAND },
      { name: "vibramycin-d", means: "doxycycline", source: BRAND },
      { name: "efracea", means: "doxycycline", source: BRAND },
      { name: "periostat", means: "doxycycline", source: BRAND },
      { name: "tetralysal", means: "lymecycline", source: BRAND },
      { name: "minocin", means: "minocycline", source: BRAND },
      { name: "acnamino", means: "minocycline", source: BRAND },
      { name: "aknemin", means: "minocycline", source: BRAND },
      { name: "doxy", means: "doxycycline", source: SHORT },
    ],
    codes: [],
  },
];

/** What says in an allergy's name that it is one, and names no substance. */
const NO_SUBSTANCE = /\b(allergy|allergic|allergen|reaction|hypersensitivity|intolerance|adverse|drug|class|of|to|the|antibiotic|protein|preparation|substance|dietary)\b/g;
/** Of fewer letters a name would be met by accident. */
const FEWEST_LETTERS = 4;

/** Returns how a medicine meets an allergy, as the end of a sentence; null if it does not. Each is what it is called and coded by. */
export function meeting(allergy: readonly CodeableConcept[], medicine: readonly CodeableConcept[]): string | null {
  const codes = codesOf(allergy);
  if (codesOf(medicine).some((each) => codes.includes(each))) return "it is what was recorded";
  const words = new Set(textsOf(medicine).flatMap(wordsOf));
  const substances = textsOf(allergy).map(substanceOf).filter((each) => each.join("").length >= FEWEST_LETTERS);
  if (substances.some((each) => each.every((word) => words.has(word)))) return "it contains what was recorded";
  const common = CLASSES.find((each) => isOf(each, allergy) && isOf(each, medicine));
  return common ? `both are of the ${common.name}` : null;
}

/** Returns whether two allergies are to the same substance: by their codes, or by its name. */
export function isSameAllergy(one: CodeableConcept | undefined, other: CodeableConcept | undefined): boolean {
  const [ours, theirs] = [one, other].map((each) => (each ? [each] : []));
  if (!ours?.length || !theirs?.length) return false;
  if (codesOf(ours).some((each) => codesOf(theirs).includes(each))) return true;
  const names = (concepts: readonly CodeableConcept[]) => textsOf(concepts).map((each) => substanceOf(each).join(" ")).filter((each) => each !== "");
  return names(ours).some((each) => names(theirs).includes(each));
}

function isOf({ words, otherNames, codes }: SubstanceClass, concepts: readonly CodeableConcept[]): boolean {
  const texts = textsOf(concepts).map(wordsOf);
  const isNamed = texts.some((own) => own.some((each) => words.includes(each)) || otherNames.some(({ name }) => ` ${own.join(" ")} `.includes(` ${name} `)));
  return isNamed || concepts.some(({ coding = [] }) => coding.some(({ code }) => codes.some((each) => each.code === code)));
}

function substanceOf(text: string): readonly string[] {
  return wordsOf(text.toLowerCase().replaceAll(NO_SUBSTANCE, " "));
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\d]+(?:-[\p{L}\d]+)*/gu) ?? [];
}

function textsOf(concepts: readonly CodeableConcept[]): readonly string[] {
  return concepts.flatMap(({ text, coding = [] }) => [text, ...coding.map(({ display }) => display)]).filter((each) => each !== undefined);
}

function codesOf(concepts: readonly CodeableConcept[]): readonly string[] {
  return concepts.flatMap(({ coding = [] }) => coding.filter(({ code }) => code !== undefined).map(({ system = "", code = "" }) => `${system}|${code}`));
}
