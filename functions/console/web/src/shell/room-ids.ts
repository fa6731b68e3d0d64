/** The rooms' names in addresses. By themselves, so that whoever leads to a room need not know the rooms. */
export type RoomId = "token" | "matrix" | "explore" | "record" | "write" | "doctor" | "reference";
