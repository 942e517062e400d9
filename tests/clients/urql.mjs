// urql.
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { answer, given, story, tell } from './given.mjs';

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

tell(await story(asking(given.authorization), asking(given.stranger)));
