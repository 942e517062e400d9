// Apollo Server 5 on Fastify. It keeps parsed and validated documents by itself.
// Introspection is off by NODE_ENV; tracing for Apollo Studio is off without a key. CSRF prevention stays on.
import { ApolloServer } from '@apollo/server';
import fastifyApollo, { fastifyApolloDrainPlugin } from '@as-integrations/fastify';
import Fastify from 'fastify';
import { Asking, resolvers } from './resolvers.js';
import { typeDefs } from './schema.js';

const app = Fastify();
const apollo = new ApolloServer({ typeDefs, resolvers, plugins: [fastifyApolloDrainPlugin(app)] });
await apollo.start();
await app.register(fastifyApollo(apollo), {
  context: async (request) => ({ asking: new Asking(request.headers.authorization) }),
});
await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
