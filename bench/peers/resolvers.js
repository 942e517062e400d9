// Resolvers for Yoga and Apollo Server: nested fields through DataLoader, new for each request.
import DataLoader from 'dataloader';
import * as database from './database.js';

/** What resolvers get: the account of the token, and the loaders of one request, each made when it is first needed. */
export class Context {
  #loaders = new Map();

  constructor(authorization) {
    this.account = database.accountOf(authorization);
  }

  load(read, id, ...args) {
    const key = args.length ? `${read.name} ${args.join()}` : read;
    let loader = this.#loaders.get(key);
    if (loader === undefined) {
      // Nothing is loaded in batches of its own, so a batch may be as large as a level.
      loader = new DataLoader((ids) => read(this.account, ids, ...args));
      this.#loaders.set(key, loader);
    }
    return loader.load(id);
  }
}

export const resolvers = {
  Query: {
    segments: (_, { first }, { account }) => database.segments(account, first),
    segment: (_, { id }, { account }) => database.segment(account, id),
    candidates: (_, { filter, first }, { account }) => database.candidates(account, filter, first),
    quotaUsage: (_, __, { account }) => database.quotaUsage(account),
  },
  Segment: {
    members: ({ id }, { first }, context) => context.load(database.membersOf, id, first),
  },
  Candidate: {
    consents: ({ id }, _, context) => context.load(database.consentsOf, id),
    applications: ({ id }, { first }, context) => context.load(database.applicationsOf, id, first),
  },
  Consent: {
    policy: ({ policyId }, _, context) => context.load(database.policiesById, policyId),
  },
  ApplicationEdge: {
    vacancy: ({ vacancyId }, _, context) => context.load(database.vacanciesById, vacancyId),
  },
};
