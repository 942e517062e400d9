// Mercurius on Fastify: compiled by graphql-jit from the first request on, nested fields batched by its own loaders.
// Their cache is off, as its keys are the parents as JSON, which cost more than they save.
// A batch asks for distinct ids.
import Fastify from 'fastify';
import mercurius from 'mercurius';
import { accountOf } from './connecting.js';
import * as database from './database.js';
import { typeDefs } from './schema.js';

const app = Fastify();

/** A loader that reads by the distinct ids of its parents, once for each value of the argument `first`. */
const batched = (read, idOf) => ({
  loader: async (queries, { account }) => {
    const groups = new Map();
    for (const { obj, params } of queries) {
      const group = groups.get(params.first);
      if (group === undefined) groups.set(params.first, new Map([[idOf(obj), undefined]]));
      else group.set(idOf(obj), undefined);
    }
    for (const [first, group] of groups) {
      const ids = [...group.keys()];
      const found = await read(account, ids, first);
      ids.forEach((id, index) => group.set(id, found[index]));
    }
    return queries.map(({ obj, params }) => groups.get(params.first).get(idOf(obj)));
  },
  opts: { cache: false },
});

app.register(mercurius, {
  schema: typeDefs,
  jit: 1,
  context: (request) => ({ account: request.account }),
  resolvers: {
    Query: {
      segments: (_, { first }, { account }) => database.segments(account, first),
      segment: (_, { id }, { account }) => database.segment(account, id),
      candidates: (_, { filter, first }, { account }) => database.candidates(account, filter, first),
      quotaUsage: (_, __, { account }) => database.quotaUsage(account),
    },
  },
  loaders: {
    Segment: { members: batched(database.membersOf, (segment) => segment.id) },
    Candidate: {
      consents: batched(database.consentsOf, (candidate) => candidate.id),
      applications: batched(database.applicationsOf, (candidate) => candidate.id),
    },
    Consent: { policy: batched(database.policiesById, (consent) => consent.policyId) },
    ApplicationEdge: { vacancy: batched(database.vacanciesById, (edge) => edge.vacancyId) },
  },
});

app.decorateRequest('account', null);
app.addHook('onRequest', async (request) => {
  request.account = accountOf(request.headers.authorization);
});

await app.listen({ host: '127.0.0.1', port: Number(process.env.PORT) });
