/** Room 1: the real call of /token, and everything about the token that comes back. */

import { session } from "../../service/session.ts";
import { ClientForm } from "./client-form.tsx";
import { TokenCard } from "./token-card.tsx";

export default function TokenRoom() {
  const one = session.value;
  return (
    <>
      <ClientForm />
      {one && <TokenCard key={one.token.text} session={one} />}
    </>
  );
}
