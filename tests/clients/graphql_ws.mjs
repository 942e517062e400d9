// graphql-ws: everything over one WebSocket.
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { answer, given, socketUrl, story, tell } from './given.mjs';

const shared = clientOf(given.authorization);

function clientOf(authorization) {
  return createClient({ url: socketUrl, webSocketImpl: WebSocket, connectionParams: { authorization }, retryAttempts: 0 });
}

function asking(client) {
  return (kind, query, variables) =>
    new Promise((resolve, reject) => {
      let found;
      client.subscribe(
        { query, variables },
        {
          next: ({ data, errors }) => (found = answer(data, errors)),
          error: (error) => (Array.isArray(error) ? resolve(answer(null, error)) : error.code ? resolve({ closed: error.code }) : reject(error)),
          complete: () => resolve(found),
        },
      );
    });
}

function follow(query, variables, told) {
  return shared.subscribe(
    { query, variables },
    {
      next: ({ data, errors }) => told(answer(data, errors)),
      error: (errors) => told(answer(null, errors)),
      complete() {},
    },
  );
}

tell(await story(asking(shared), asking(clientOf(given.stranger)), follow));
