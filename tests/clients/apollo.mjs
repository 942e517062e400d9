// Apollo Client: queries and mutations over HTTP, subscriptions over a WebSocket.
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';
import { answer, given, recording, sha256, socketUrl, story, tell } from './given.mjs';

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

function follow(text, variables, told) {
  const socket = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: given.authorization },
    retryAttempts: 0,
  });
  const client = new ApolloClient({ link: new GraphQLWsLink(socket), cache: new InMemoryCache() });
  const following = client.subscribe({ query: gql(text), variables, errorPolicy: 'all' }).subscribe({
    next: ({ data, error }) => told(answer(data, error?.errors)),
  });
  return () => following.unsubscribe();
}

/** What two clients get and send, of which only the first is the first to ask. */
async function persisted(query, useGETForHashedQueries) {
  const { record, sent } = recording();
  const headers = { authorization: given.authorization };
  const found = [];
  for (const fetch of [record, record]) {
    const links = [new PersistedQueryLink({ sha256, useGETForHashedQueries }), new HttpLink({ uri: given.url, headers, fetch })];
    const client = new ApolloClient({ link: ApolloLink.from(links), cache: new InMemoryCache() });
    const { data } = await client.query({ query: gql(query) });
    found.push(data.viewer.subject);
  }
  return { found, sent };
}

tell({
  ...(await story(asking(given.authorization), asking(given.stranger), follow)),
  persistedByPost: await persisted('query ApolloByPost { viewer { subject } }', false),
  persistedByGet: await persisted('query ApolloByGet { viewer { subject } }', true),
});
