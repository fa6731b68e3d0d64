/** Room 1: the real call of /token, and everything about the token that comes back. */

import { useRef } from "preact/hooks";

import { session } from "../../service/session.ts";
import { addressOf, follow } from "../../shell/router.ts";
import { type Room, ROOMS } from "../registry.ts";
import type { RoomProps } from "../room-props.ts";
import { ClientForm } from "./client-form.tsx";
import { TokenCard } from "./token-card.tsx";

export default function TokenRoom({ path }: RoomProps) {
  const one = session.value;
  const isFresh = useRef(false);
  const [id, ...place] = path;
  const back = ROOMS.find((each) => each.id === id && each.id !== "token");
  const address = back && addressOf(back.id, ...place);
  const askedFor = () => {
    isFresh.current = true;
  };
  return (
    <>
      {back && address && <WayBack room={back} address={address} />}
      <ClientForm onAsk={askedFor} onToken={() => address && follow(address)} />
      {one && <TokenCard key={one.token.text} session={one} isFresh={isFresh} />}
    </>
  );
}

function WayBack({ room, address }: { readonly room: Room; readonly address: string }) {
  return (
    <p class="notice">
      With a token, the page goes back to where you were: <a href={address}>{room.title}</a>
    </p>
  );
}
