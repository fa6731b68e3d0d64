/** A call's body: a text that begins as the document's example, or a field for each element of a form. */

import { useId } from "preact/hooks";

import { Choice } from "./choice.tsx";
import { Folded } from "../../parts/folded.tsx";
import { Marked } from "./marked.tsx";
import { type Body, exampleOf, type OpenApi, partsOf, type Schema, typeWords } from "./openapi.ts";
import { type Filled, FORM, formFields } from "./request.ts";
import { SchemaView } from "./schema-view.tsx";

export function BodyFields({ document_, body, filled, onFilled }: {
  readonly document_: OpenApi;
  readonly body: Body;
  readonly filled: Filled;
  readonly onFilled: (changed: Filled) => void;
}) {
  const id = useId();
  const media = Object.keys(body.content);
  const schema = body.content[filled.medium]?.schema ?? {};
  const told = body.content[media[0] ?? ""]?.schema ?? {};
  if (filled.medium === FORM) return <FormFields schema={schema} filled={filled} onFilled={onFilled} />;
  return (
    <>
      {media.length > 1 && (
        <div class="row">
          <Choice
            label="Body as"
            values={media}
            value={filled.medium}
            onValue={(medium) => onFilled(withExample(document_, body, { ...filled, medium }))}
          />
        </div>
      )}
      <div class="field">
        <label for={id}>Body <span class="quiet">{filled.medium}{body.required && ", required"}</span></label>
        <textarea
          id={id}
          rows={12}
          spellcheck={false}
          required={body.required ?? false}
          value={filled.body}
          aria-describedby={`${id}-hint`}
          onInput={(input) => onFilled({ ...filled, body: input.currentTarget.value })}
        />
        <p class="quiet hint" id={`${id}-hint`}><Marked text={body.description ?? ""} /></p>
      </div>
      {partsOf(document_, told).length > 0 && (
        <Folded class="more" summary={`Schema of the body: ${typeWords(told)}`}>
          {() => <SchemaView document_={document_} schema={told} />}
        </Folded>
      )}
    </>
  );
}

/** The fields of a form: each as the parameter of a query is, but for a secret, which is not shown. */
function FormFields({ schema, filled, onFilled }: {
  readonly schema: Schema;
  readonly filled: Filled;
  readonly onFilled: (changed: Filled) => void;
}) {
  const id = useId();
  const fields = formFields(schema);
  const drawn = () => (
    <div class="call-fields many">
      {fields.map(([name, { description = "", example, enum: values = [] }]) => (
        <div class="field" key={name}>
          <label for={`${id}-${name}`}>{name} <span class="quiet">form</span></label>
          <FormInput
            id={`${id}-${name}`}
            isSecret={SECRETS.includes(name)}
            value={filled.form[name] ?? ""}
            onValue={(value) => onFilled({ ...filled, form: { ...filled.form, [name]: value } })}
          />
          <p class="quiet hint" id={`${id}-${name}-hint`}>
            <Marked
              text={[
                description,
                values.length > 0 && `One of ${values.map((each) => `\`${String(each)}\``).join(", ")}.`,
                example !== undefined && `Such as \`${String(example)}\`.`,
              ].filter(Boolean).join(" ")}
            />
          </p>
        </div>
      ))}
    </div>
  );
  return fields.length <= FEW_OF_FORM ? drawn() : <Folded class="more" summary={`${fields.length} fields of the form`} begunOpen>{drawn}</Folded>;
}

function FormInput({ id, isSecret, value, onValue }: {
  readonly id: string;
  readonly isSecret: boolean;
  readonly value: string;
  readonly onValue: (value: string) => void;
}) {
  const common = { id, value, autoComplete: "off", spellcheck: false, "aria-describedby": `${id}-hint` } as const;
  return isSecret ? (
    <input type="password" {...common} onInput={(input) => onValue(input.currentTarget.value)} />
  ) : (
    <input {...common} onInput={(input) => onValue(input.currentTarget.value)} />
  );
}

const FEW_OF_FORM = 8;
const SECRETS = ["client_secret", "client_assertion", "token"];

/** Returns the fields with the body's example in their medium. */
export function withExample(document_: OpenApi, body: Body | null, filled: Filled): Filled {
  const medium = body?.content[filled.medium];
  return { ...filled, body: medium && filled.medium !== FORM ? exampleOf(document_, medium) : "" };
}
