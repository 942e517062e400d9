// GraphQL Yoga on node:http with graphql-jit. It keeps parsed and validated documents by itself. Landing page, GraphiQL
// and logging are off, as in production.
import { createServer } from 'node:http';
import { useGraphQlJit } from '@envelop/graphql-jit';
import { createSchema, createYoga } from 'graphql-yoga';
import { Asking, resolvers } from './resolvers.js';
import { typeDefs } from './schema.js';

const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  context: ({ request }) => ({ asking: new Asking(request.headers.get('authorization')) }),
  plugins: [useGraphQlJit()],
  graphiql: false,
  landingPage: false,
  logging: false,
});

createServer(yoga).listen(Number(process.env.PORT), '127.0.0.1');
