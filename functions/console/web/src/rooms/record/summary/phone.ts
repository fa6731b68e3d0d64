/** Whether there is room for little at once. */
export function isPhone(): boolean {
  return matchMedia("(max-width: 44rem)").matches;
}
