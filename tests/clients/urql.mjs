// urql: everything over HTTP, subscriptions as server-sent events.
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { answer, given, recording, story, tell } from './given.mjs';

const answeredIn = { query: new Set(), mutation: new Set(), subscription: new Set() };

function clientOf(authorization) {
  const noting = async (url, init) => {
    const response = await fetch(url, init);
    const [kind] = JSON.parse(init.body).query.match(/^\w+/);
    answeredIn[kind].add(response.headers.get('content-type').split(';')[0]);
    return response;
  };
  return new Client({
    url: given.url,
    exchanges: [cacheExchange, fetchExchange],
    fetch: noting,
    fetchOptions: { headers: { authorization } },
    fetchSubscriptions: true,
    preferGetMethod: false,
  });
}

function asking(authorization) {
  const client = clientOf(authorization);
  return async (kind, text, variables) => {
    const { data, error } = await client[kind](text, variables).toPromise();
    if (error?.networkError) throw error.networkError;
    return answer(data, error?.graphQLErrors);
  };
}

function follow(text, variables, told) {
  const following = clientOf(given.authorization)
    .subscription(text, variables)
    .subscribe(({ data, error }) => told(answer(data, error?.graphQLErrors)));
  // At once, in the middle of an answer, urql would leave a rejected promise that ends Node.js.
  return () => setImmediate(() => following.unsubscribe());
}

/** What two clients get and send, of which only the first is the first to ask. */
async function persisted(query, preferGetForPersistedQueries) {
  const { record, sent } = recording();
  const found = [];
  for (const fetch of [record, record]) {
    const client = new Client({
      url: given.url,
      exchanges: [persistedExchange({ preferGetForPersistedQueries }), fetchExchange],
      fetch,
      fetchOptions: { headers: { authorization: given.authorization } },
      preferGetMethod: false,
    });
    const { data, error } = await client.query(query, {}).toPromise();
    if (error) throw error;
    found.push(data.viewer.subject);
  }
  return { found, sent };
}

tell({
  ...(await story(asking(given.authorization), asking(given.stranger), follow)),
  answeredIn: Object.fromEntries(Object.entries(answeredIn).map(([kind, types]) => [kind, [...types]])),
  persistedByPost: await persisted('query UrqlByPost { viewer { subject } }', false),
  persistedByGet: await persisted('query UrqlByGet { viewer { subject } }', 'force'),
});
