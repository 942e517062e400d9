// The bar above GraphiQL: the title, the examples, and the token.
import { Button, ChevronDownIcon, DropdownMenu, pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useState } from "react";
import { expiry } from "./token.js";

export function Bar({ title, examples, token, setToken, refusal }) {
  return (
    <div className="graphiql-container segments-bar">
      <h1>{title}</h1>
      {examples.length > 0 && <Examples examples={examples} />}
      <Token key={token} token={token} setToken={setToken} refused={refusal !== null} />
      {refusal !== null && <Refusal token={token} message={refusal} />}
    </div>
  );
}

/** A menu that opens each example in a new tab. */
function Examples({ examples }) {
  const { addTab } = useGraphiQLActions();
  const { queryEditor, variableEditor } = useGraphiQL(pick("queryEditor", "variableEditor"));
  function open({ query, variables }) {
    addTab();
    queryEditor.setValue(query);
    variableEditor.setValue(variables);
    queryEditor.focus();
  }
  return (
    <DropdownMenu>
      <DropdownMenu.Button className="segments-menu" disabled={!queryEditor || !variableEditor}>
        Examples <ChevronDownIcon aria-hidden="true" />
      </DropdownMenu.Button>
      <DropdownMenu.Content className="segments-examples">
        {examples.map((example) => (
          <DropdownMenu.Item key={example.title} onSelect={() => open(example)}>
            {example.title}
          </DropdownMenu.Item>
        ))}
      </DropdownMenu.Content>
    </DropdownMenu>
  );
}

function Token({ token, setToken, refused }) {
  const [changing, setChanging] = useState(false);
  if (token === null || changing || refused) {
    return <TokenForm setToken={setToken} onCancel={changing && !refused ? () => setChanging(false) : null} />;
  }
  return (
    <div className="segments-token">
      <span className="segments-token-state">{describe(token)}</span>
      <Button type="button" onClick={() => setChanging(true)}>
        Change
      </Button>
      <Button type="button" onClick={() => setToken(null)}>
        Forget
      </Button>
    </div>
  );
}

function describe(token) {
  const ends = expiry(token);
  if (ends === null) return "Token in use";
  const sameDay = ends.toDateString() === new Date().toDateString();
  const when = ends.toLocaleString([], sameDay ? { timeStyle: "short" } : { dateStyle: "medium", timeStyle: "short" });
  return ends > new Date() ? `Token good until ${when}` : `Token expired at ${when}`;
}

function TokenForm({ setToken, onCancel }) {
  function submit(event) {
    event.preventDefault();
    const given = new FormData(event.currentTarget).get("token").trim();
    if (given) setToken(given.replace(/^Bearer\s+/i, ""));
  }
  return (
    <form className="segments-token" onSubmit={submit}>
      <input
        name="token"
        type="password"
        aria-label="Bearer token"
        placeholder="Paste a bearer token"
        autoComplete="off"
        spellCheck="false"
        required
      />
      <Button type="submit">Use token</Button>
      {onCancel && (
        <Button type="button" onClick={onCancel}>
          Cancel
        </Button>
      )}
    </form>
  );
}

function Refusal({ token, message }) {
  const advice = token
    ? "The server refused this token; it may have expired. Paste another above."
    : "The server wants a token. Paste one above.";
  return (
    <p className="segments-refusal" role="alert">
      {advice} {message && <span>The server says: {message}</span>}
    </p>
  );
}
