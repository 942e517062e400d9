// urql.
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { answer, given, recording, story, tell } from './given.mjs';

function asking(authorization) {
  const client = new Client({
    url: given.url,
    exchanges: [cacheExchange, fetchExchange],
    fetchOptions: { headers: { authorization } },
    preferGetMethod: false,
  });
  return async (kind, text, variables) => {
    const { data, error } = await client[kind](text, variables).toPromise();
    if (error?.networkError) throw error.networkError;
    return answer(data, error?.graphQLErrors);
  };
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
  ...(await story(asking(given.authorization), asking(given.stranger))),
  persistedByPost: await persisted('query UrqlByPost { viewer { subject } }', false),
  persistedByGet: await persisted('query UrqlByGet { viewer { subject } }', 'force'),
});
