// How the page talks to the server: queries and mutations by POST, subscriptions by graphql-transport-ws.
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { Kind, parse } from "graphql";
import { createClient } from "graphql-ws";

const REFUSALS = [4401, 4403]; // the codes with which a WebSocket is closed for want of a good token

/**
 * A fetcher that sends this token. `onRefused(message)` is called when the server wants another token,
 * `onAccepted()` when it answers.
 */
export function createFetcher({ endpoint, token, onAccepted, onRefused }) {
  const fetcher = createGraphiQLFetcher({
    url: endpoint,
    enableIncrementalDelivery: false,
    fetch: (url, init) => send(url, init, { token, onAccepted, onRefused }),
    wsClient: createClient({
      url: new URL(endpoint, location.origin.replace(/^http/, "ws")).href,
      connectionParams: token ? { authorization: `Bearer ${token}` } : {},
      retryAttempts: 1,
      on: { closed: (event) => REFUSALS.includes(event.code) && onRefused(event.reason) },
    }),
  });
  return (params, options) => fetcher(...asWritten(params, options));
}

/**
 * GraphiQL reads what is in its editor a tenth of a second late: who runs an operation sooner would send the
 * name of the one before, and the wrong way if only one of them is a subscription. So read it again.
 */
function asWritten(params, options) {
  let documentAST;
  try {
    documentAST = parse(params.query);
  } catch {
    return [params, options]; // let the server say what is wrong
  }
  const operations = documentAST.definitions.filter(({ kind }) => kind === Kind.OPERATION_DEFINITION);
  const names = operations.map(({ name }) => name?.value);
  const operationName = names.length === 1 ? names[0] : params.operationName;
  return [{ ...params, operationName }, { ...options, documentAST }];
}

async function send(url, init, { token, onAccepted, onRefused }) {
  const headers = new Headers(init.headers);
  if (token && !headers.has("authorization")) headers.set("authorization", `Bearer ${token}`);
  const response = await fetch(url, { ...init, headers, credentials: "same-origin" }).catch(() => {
    throw new Error(`The server at ${location.origin} cannot be reached.`);
  });
  if (!/\bjson\b/.test(response.headers.get("content-type") ?? "")) {
    throw new Error(`The server answered HTTP ${response.status} without JSON.`);
  }
  if (response.status === 401) onRefused(await firstMessage(response.clone()));
  else onAccepted();
  return response;
}

async function firstMessage(response) {
  const { errors } = await response.json().catch(() => ({}));
  return errors?.[0]?.message ?? "";
}
