/** What every room is given. */
export interface RoomProps {
  /** What follows the room's name in the address, decoded: `#/explore/Patient/4` is `["Patient", "4"]`. */
  readonly path: readonly string[];
}
