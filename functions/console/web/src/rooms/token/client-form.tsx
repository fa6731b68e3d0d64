/** The client: a demo client of this run, an id with its secret, an id with a private key; or a token that is there already. */

import { useEffect, useId, useState } from "preact/hooks";

import { decodeAccessToken, TokenError } from "../../oauth/access-token.ts";
import type { Credential } from "../../oauth/credential.ts";
import { KeyError, type PrivateKey, privateKeyOf } from "../../oauth/private-key.ts";
import { CAN_PROVE } from "../../oauth/proof.ts";
import { signIn } from "../../oauth/token-calls.ts";
import { AS_TYPED, Field, SecretField, TextField } from "../../parts/fields.tsx";
import { TaskState, useTask } from "../../parts/task.tsx";
import { type DemoClient, demoClients } from "../../service/demo-clients.ts";
import { begin, session } from "../../service/session.ts";
import { announce } from "../../shell/announcements.tsx";
import { sessionEnd } from "../../shell/session-ended.tsx";

type Way = "demo" | "secret" | "key" | "token";

const WAYS: readonly (readonly [Way, string])[] = [
  ["demo", "Demo client"],
  ["secret", "Id and secret"],
  ["key", "Private key"],
  ["token", "Access token"],
];

export function ClientForm({ onAsk, onToken }: {
  /** Called before a token is asked for. */
  readonly onAsk: () => void;
  /** Called once the page holds it. */
  readonly onToken: () => void;
}) {
  const [clients, setClients] = useState<readonly DemoClient[]>([]);
  const [chosen, setChosen] = useState<Way | null>(null);
  const [scope, setScope] = useState("");
  const [isBound, setBound] = useState(CAN_PROVE);
  const task = useTask();
  useEffect(() => {
    const fetching = new AbortController();
    demoClients(fetching.signal)
      .then(setClients)
      // Without a list one types the id: that is what the form offers already.
      .catch(() => undefined);
    return () => fetching.abort();
  }, []);
  const nameOf = (clientId: string) => clients.find((each) => each.id === clientId)?.name ?? "";
  const use = (text: string) => {
    const { client_id: clientId, scope: granted, cnf } = decodeAccessToken(text).claims;
    if (cnf) throw new TokenError("This token is bound to a key that this page does not have, so that it opens nothing here.");
    task.clear();
    onAsk();
    begin(text, granted, null, nameOf(clientId));
    announce("The token is used from now on. It was read, and not verified: that is the server's part.");
    onToken();
  };
  const obtain = (credential: Credential) =>
    task.run(async (signal) => {
      onAsk();
      const granted = await signIn(credential, { scope: scope.trim(), isBound }, nameOf(credential.clientId), signal);
      onToken();
      announce(`A token was granted. It lives ${granted.expires_in} seconds and has the scopes ${granted.scope}.`);
    });
  // The list may come late: it never changes what somebody has chosen.
  const way = chosen ?? (clients.length ? "demo" : "secret");
  const choose = (each: Way) => {
    task.clear();
    setChosen(each);
  };
  const offered = WAYS.filter(([each]) => each !== "demo" || clients.length);
  return (
    <section class="card" aria-label="Client">
      <div class="tabs" role="group" aria-label="How the client proves itself">
        {offered.map(([each, label]) => (
          <button key={each} type="button" aria-pressed={each === way} onClick={() => choose(each)}>
            {label}
          </button>
        ))}
      </div>
      {way === "demo" && <DemoChoice clients={clients} onChosen={obtain} isBusy={task.isRunning} />}
      {/* Drawn anew once a session has ended, which forgets the secret or key that it was begun with. */}
      {way === "secret" && <SecretFields key={sessionEnd.value} onGiven={obtain} isBusy={task.isRunning} />}
      {way === "key" && <KeyFields key={sessionEnd.value} onGiven={obtain} isBusy={task.isRunning} />}
      {way === "token" ? (
        <TokenFields onGiven={use} />
      ) : (
        <>
          <BearerSwitch isBound={isBound} onBound={setBound} />
          <details class="more">
            <summary>Ask for certain scopes</summary>
            <TextField
              label="Scopes, with spaces between; empty for all that the client has"
              value={scope}
              onValue={setScope}
            />
          </details>
        </>
      )}
      <TaskState task={task}>Asking for a token…</TaskState>
    </section>
  );
}

function BearerSwitch({ isBound, onBound }: { readonly isBound: boolean; readonly onBound: (isBound: boolean) => void }) {
  const id = useId();
  return (
    <div class="field">
      <label class="check">
        <input type="checkbox" checked={!isBound} disabled={!CAN_PROVE} aria-describedby={id} onChange={() => onBound(!isBound)} />{" "}
        Ask for a Bearer token, for copies to paste
      </label>
      <p id={id} class="quiet">
        {CAN_PROVE
          ? "Otherwise the token is bound to a key that cannot leave this page: to whoever copies it, it opens nothing."
          : "A browser makes the key of a bound token on pages of https, or of this machine, alone."}
      </p>
    </div>
  );
}

interface Chosen {
  readonly isBusy: boolean;
}

function DemoChoice({ clients, onChosen, isBusy }: Chosen & {
  readonly clients: readonly DemoClient[];
  readonly onChosen: (credential: Credential) => void;
}) {
  const held = sessionEnd.value ? undefined : session.value?.token.claims.client_id;
  return (
    <>
      <p class="quiet">These clients exist in this local run only. One click makes the real call.</p>
      <ul class="choices">
        {clients.map((each) => (
          <li key={each.id}>
            <button
              type="button"
              disabled={isBusy}
              aria-pressed={each.id === held}
              onClick={() => onChosen({ kind: "secret", clientId: each.id, secret: each.secret })}
            >
              <strong>{each.name}</strong>
              {each.id === held && <span class="chosen">✓ this page has its token</span>}
              <span class="quiet clip">{each.scopes.join(" ")}</span>
            </button>
          </li>
        ))}
      </ul>
    </>
  );
}

function SecretFields({ onGiven, isBusy }: Chosen & { readonly onGiven: (credential: Credential) => void }) {
  const [clientId, setClientId] = useState("");
  const [secret, setSecret] = useState("");
  const submit = () => onGiven({ kind: "secret", clientId: clientId.trim(), secret: secret.trim() });
  return (
    <Form onSubmit={submit} isBusy={isBusy || !clientId.trim() || !secret.trim()}>
      <TextField label="Client id" value={clientId} onValue={setClientId} />
      <SecretField label="Client secret" value={secret} onValue={setSecret} />
      <p class="quiet">
        The secret stays in this page's memory: it is neither stored nor put into an address, and loading the page anew ends the session.
      </p>
    </Form>
  );
}

function KeyFields({ onGiven, isBusy }: Chosen & { readonly onGiven: (credential: Credential) => void }) {
  const [clientId, setClientId] = useState("");
  const [kid, setKid] = useState("");
  const [text, setText] = useState("");
  const [key, setKey] = useState<PrivateKey | null>(null);
  const [fault, setFault] = useState("");
  const submit = async () => {
    try {
      const usable = key ?? (await privateKeyOf(text, kid.trim()));
      // From here on it can sign, and nobody can read it out of the page again.
      setKey(usable);
      setText("");
      setFault("");
      onGiven({ kind: "key", clientId: clientId.trim(), key: usable });
    } catch (error) {
      setFault(error instanceof KeyError ? error.message : "This key cannot be used.");
    }
  };
  const isReady = clientId.trim() !== "" && (key !== null || text.trim() !== "");
  return (
    <Form onSubmit={() => void submit()} isBusy={isBusy || !isReady}>
      <TextField label="Client id" value={clientId} onValue={setClientId} />
      {key ? (
        <p class="row">
          <span>
            A key for <code>{key.algorithm}</code> is held in this page: <code class="wrap">{key.kid}</code>
          </span>
          <button type="button" class="small" onClick={() => setKey(null)}>Another key</button>
        </p>
      ) : (
        <>
          <Field label="Private key, as a JWK or as PEM (PKCS #8)" fault={fault}>
            {(named) => <textarea {...named} {...AS_TYPED} rows={6} value={text} onInput={(input) => setText(input.currentTarget.value)} />}
          </Field>
          <TextField label="Key id (kid), if it is neither in the JWK nor its thumbprint" value={kid} onValue={setKid} />
        </>
      )}
      <p class="quiet">The assertion is signed here; the key never leaves this page.</p>
    </Form>
  );
}

function TokenFields({ onGiven }: { readonly onGiven: (token: string) => void }) {
  const [text, setText] = useState("");
  const [fault, setFault] = useState("");
  const submit = () => {
    try {
      onGiven(text.trim().replace(/^(?:Bearer|DPoP) /i, ""));
      setFault("");
    } catch (error) {
      setFault(error instanceof TokenError ? error.message : String(error));
    }
  };
  return (
    <Form onSubmit={submit} isBusy={!text.trim()} action="Use this token">
      <SecretField label="An access token that you have" value={text} fault={fault} onValue={setText} />
      <p class="quiet">It is read here and kept in this page's memory. Whether it is any good is for the server to say.</p>
    </Form>
  );
}

function Form({ children, onSubmit, isBusy, action = "Get a token" }: Chosen & {
  readonly children: preact.ComponentChildren;
  readonly onSubmit: () => void;
  readonly action?: string;
}) {
  return (
    <form
      class="fields"
      onSubmit={(submit) => {
        submit.preventDefault();
        onSubmit();
      }}
    >
      {children}
      <div class="row">
        <button type="submit" class="main" disabled={isBusy}>{action}</button>
      </div>
    </form>
  );
}
