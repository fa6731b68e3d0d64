/** Codes of SNOMED CT, by their check digit (SNOMED CT Release File Specification, Appendix B: Verhoeff's algorithm). */

/** The multiplication of the dihedral group D5. */
const PRODUCTS = ["0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043", "8765932104", "9876543210"];
/** The permutation of a digit at each place, which repeats after eight. */
const PLACES = ["0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"];

/** Returns whether a text is the identifier of a concept: 6 to 18 digits, of a concept's partition, with the right check digit. */
export function isSnomedCode(text: string): boolean {
  if (!/^[1-9]\d{5,17}$/.test(text) || !/[01]0\d$/.test(text)) return false;
  const digits = Array.from(text).reverse();
  const check = digits.reduce((sum, digit, at) => Number(PRODUCTS[sum]?.[Number(PLACES[at % 8]?.[Number(digit)])]), 0);
  return check === 0;
}
