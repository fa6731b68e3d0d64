/** NHS numbers: ten digits, of which the last is computed from the others. */

/** Says whether a text is an NHS number, spaces and hyphens aside: ten digits with the right check digit. */
export function isNhsNumber(text: string): boolean {
  const digits = text.replaceAll(/[\s-]/g, "");
  if (!/^\d{10}$/.test(digits)) return false;
  const weighted = Array.from(digits.slice(0, 9), (digit, place) => Number(digit) * (10 - place));
  const sum = weighted.reduce((before, each) => before + each, 0);
  return (11 - (sum % 11)) % 11 === Number(digits.at(-1));
}

/** Returns what is wrong with a text that is no NHS number. */
export function noNhsNumberText(text: string): string {
  const { length } = text.replaceAll(/\D/g, "");
  if (length !== 10) return `An NHS number has ten digits, and this has ${length}.`;
  return "This is no NHS number: its last digit does not fit the others. Check each digit.";
}
