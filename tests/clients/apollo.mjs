// Apollo Client.
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { answer, given, story, tell } from './given.mjs';

function asking(authorization) {
  const client = new ApolloClient({
    link: new HttpLink({ uri: given.url, headers: { authorization } }),
    cache: new InMemoryCache(),
  });
  return async (kind, text, variables) => {
    const document = gql(text);
    const { data, error } =
      kind === 'query'
        ? await client.query({ query: document, variables, errorPolicy: 'all' })
        : await client.mutate({ mutation: document, variables, errorPolicy: 'all' });
    if (error && !CombinedGraphQLErrors.is(error)) throw error;
    return answer(data, error?.errors);
  };
}

tell(await story(asking(given.authorization), asking(given.stranger)));
