/** The rooms' names in addresses, and their titles. By themselves, so that whoever leads to a room need not know the rooms. */
export const ROOM_TITLES = {
  token: "Get a token",
  matrix: "Who may read what",
  explore: "Explore",
  record: "Patient record",
  audit: "Disclosure report",
  export: "Export",
  write: "Write",
  doctor: "Token doctor",
  reference: "Reference",
} as const;

export type RoomId = keyof typeof ROOM_TITLES;

/** Says whether a part of an address is a room's name. */
export function isRoomId(text: string): text is RoomId {
  return Object.hasOwn(ROOM_TITLES, text);
}
