import "./workers.js";
import "graphiql/style.css";
import "./page.css";
import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { GraphiQL } from "graphiql";
import { useEffect, useMemo, useState } from "react";
import { createPortal } from "react-dom";
import { createRoot } from "react-dom/client";
import { Bar } from "./bar.jsx";
import { createFetcher } from "./fetcher.js";
import { useToken } from "./token.js";

const bar = document.getElementById("bar");
const settings = readSettings();
const firstVisit = localStorage.getItem("graphiql:tabState") === null;

/** What app/engine/graphiql.py wrote into the page. Variables become the text that the editor shows. */
function readSettings() {
  const { examples, ...rest } = JSON.parse(document.getElementById("settings").textContent);
  const shown = (variables) => (Object.keys(variables).length ? JSON.stringify(variables, null, 2) : "");
  return { ...rest, examples: examples.map((one) => ({ ...one, variables: shown(one.variables) })) };
}

function Page({ endpoint, title, examples }) {
  const [token, setToken] = useToken();
  const [refusal, setRefusal] = useState(null);
  const fetcher = useMemo(
    () =>
      createFetcher({
        endpoint,
        token,
        onAccepted: () => setRefusal(null),
        onRefused: (message) => setRefusal({ token, message }),
      }),
    [endpoint, token],
  );
  const refused = refusal?.token === token ? refusal.message : null; // a late answer may be about an older token
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={examples.slice(0, 1)}
      initialVariables={firstVisit ? examples[0]?.variables : undefined}
      defaultEditorToolsVisibility="variables"
      inputValueDeprecation
      schemaDescription
      shouldPersistHeaders={false}
      showPersistHeadersSettings={false}
    >
      <GraphiQL.Logo>
        <></>
      </GraphiQL.Logo>
      <SystemTheme />
      {createPortal(
        <Bar title={title} examples={examples} token={token} setToken={setToken} refusal={refused} />,
        bar,
      )}
    </GraphiQL>
  );
}

/** The editors follow the system's theme when it changes; GraphiQL itself asks only once. */
function SystemTheme() {
  const { setTheme } = useGraphiQLActions();
  const { theme } = useGraphiQL(pick("theme"));
  useEffect(() => {
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const follow = () => theme === null && setTheme(null);
    dark.addEventListener("change", follow);
    return () => dark.removeEventListener("change", follow);
  }, [theme, setTheme]);
  return null;
}

createRoot(document.getElementById("graphiql")).render(<Page {...settings} />);
