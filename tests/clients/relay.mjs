// Relay's runtime: its network, its store, and artifacts as its compiler writes them.
import relay from 'relay-runtime';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { answer, given, sha256, socketUrl, story, tell } from './given.mjs';
import { artifact } from './relay_artifact.mjs';

const { Environment, Network, Observable, RecordSource, Store, createOperationDescriptor, requestSubscription } = relay;

function environmentOf(authorization) {
  const fetchAnswer = async (params, variables) => {
    const response = await fetch(given.url, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(params.id ? { doc_id: params.id, variables } : { query: params.text, variables }),
    });
    return response.json();
  };
  const socket = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization },
    retryAttempts: 0,
  });
  const subscribe = (params, variables) =>
    Observable.create((sink) => socket.subscribe({ query: params.text, variables }, sink));
  return new Environment({ network: Network.create(fetchAnswer, subscribe), store: new Store(new RecordSource()) });
}

function asking(authorization, idOf = () => null) {
  const environment = environmentOf(authorization);
  return async (kind, text, variables) => {
    const operation = createOperationDescriptor(artifact(text, idOf(text)), variables);
    try {
      const { errors } = kind === 'query'
        ? await environment.execute({ operation }).toPromise()
        : await environment.executeMutation({ operation }).toPromise();
      return answer(environment.lookup(operation.fragment).data, errors);
    } catch (error) {
      if (!error.source) throw error;
      return answer(null, error.source.errors);
    }
  };
}

function follow(text, variables, told) {
  const following = requestSubscription(environmentOf(given.authorization), {
    subscription: artifact(text),
    variables,
    onNext: (data) => told(answer(data)),
    // graphql-ws hands over the errors themselves, Relay those of a payload within an error.
    onError: (error) => told(answer(null, error.source?.errors ?? error)),
  });
  return () => following.dispose();
}

const byId = asking(given.authorization, (text) => `sha256:${sha256(text)}`);

tell({
  ...(await story(asking(given.authorization), asking(given.stranger), follow)),
  foundById: await byId('query', given.documents.find, given.variables.find),
  unknownId: await byId('query', 'query Unknown { viewer { subject } }', {}),
});
