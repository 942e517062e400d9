// graphql-sse: everything as server-sent events, a stream for each operation.
import { NetworkError, createClient } from 'graphql-sse';
import { answer, given, story, tell } from './given.mjs';

function clientOf(authorization) {
  return createClient({ url: given.url, headers: { authorization }, retryAttempts: 0 });
}

function asking(client) {
  return (kind, query, variables) =>
    new Promise((resolve, reject) => {
      let found;
      client.subscribe(
        { query, variables },
        {
          next: ({ data, errors }) => (found = answer(data, errors)),
          error: (error) => refusal(error).then(resolve, reject),
          complete: () => resolve(found),
        },
      );
    });
}

/** What the server said with the status that the client took for an error of the network. */
async function refusal(error) {
  if (!(error instanceof NetworkError) || !error.response) throw error;
  return answer(null, (await error.response.json()).errors);
}

function follow(query, variables, told) {
  return clientOf(given.authorization).subscribe(
    { query, variables },
    {
      next: ({ data, errors }) => told(answer(data, errors)),
      error: (error) => refusal(error).then(told),
      complete() {},
    },
  );
}

tell(await story(asking(clientOf(given.authorization)), asking(clientOf(given.stranger)), follow));
