// Mercurius on Fastify: compiled by graphql-jit from the first request on. Nested fields go through DataLoader, as with
// the other servers: its own loaders make JSON of every parent, for a key, whether their cache is on or off, which cost
// up to twice as much in the reads of consents and of applications.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { Asking, resolvers } from './resolvers.js';
import { typeDefs } from './schema.js';

const app = Fastify();

app.register(mercurius, {
  schema: typeDefs,
  resolvers,
  jit: 1,
  context: (request) => ({ asking: new Asking(request.headers.authorization) }),
});

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
