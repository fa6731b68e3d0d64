/** Whether a medicine meets an allergy: by the same code, by the substance's name, or as one of its class. */

import type { CodeableConcept } from "../fhir/datatypes.ts";

interface SubstanceClass {
  readonly name: string;
  /** Names of the class, and of what belongs to it, as names of medicines have them. */
  readonly words: readonly string[];
  /** SNOMED CT's codes of the substances, of the allergies to them, and of products (dm+d). */
  readonly codes: readonly string[];
}

/** Classes within which an allergy to one is one to all, until somebody says otherwise (BNF, "Hypersensitivity" of each class). */
const CLASSES: readonly SubstanceClass[] = [
  {
    name: "penicillins",
    words: [
      "penicillin", "penicillins", "amoxicillin", "amoxycillin", "ampicillin", "benzylpenicillin", "phenoxymethylpenicillin", "flucloxacillin",
      "co-amoxiclav", "co-fluampicil", "piperacillin", "pivmecillinam", "temocillin", "ticarcillin",
    ],
    codes: ["373270004", "91936005", "372687004", "294505008", "323509004"],
  },
  {
    name: "non-steroidal anti-inflammatory medicines",
    words: [
      "nsaid", "nsaids", "anti-inflammatory", "aspirin", "ibuprofen", "naproxen", "diclofenac", "indometacin", "ketoprofen", "mefenamic", "meloxicam",
      "celecoxib", "etoricoxib", "piroxicam",
    ],
    codes: ["387458008", "293586001", "319775004", "387207008"],
  },
  {
    name: "cephalosporins",
    words: ["cephalosporin", "cephalosporins", "cefalexin", "cefaclor", "cefadroxil", "cefixime", "cefotaxime", "cefradine", "ceftazidime", "ceftriaxone", "cefuroxime"],
    codes: [],
  },
  {
    name: "sulfonamides",
    words: ["sulfonamide", "sulfonamides", "sulphonamide", "sulphonamides", "sulfamethoxazole", "sulfadiazine", "co-trimoxazole"],
    codes: ["91939003"],
  },
  {
    name: "macrolides",
    words: ["macrolide", "macrolides", "erythromycin", "clarithromycin", "azithromycin"],
    codes: ["91931000"],
  },
  {
    name: "tetracyclines",
    words: ["tetracycline", "tetracyclines", "doxycycline", "lymecycline", "minocycline", "oxytetracycline"],
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

function isOf({ words, codes }: SubstanceClass, concepts: readonly CodeableConcept[]): boolean {
  const own = textsOf(concepts).flatMap(wordsOf);
  return own.some((each) => words.includes(each)) || concepts.some(({ coding = [] }) => coding.some(({ code }) => codes.includes(code ?? "")));
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
