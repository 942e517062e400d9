// Resolvers for Mercurius, Yoga and Apollo Server: nested fields through DataLoader, new for each request.
import DataLoader from 'dataloader';
import { accountOf } from './connecting.js';
import * as database from './database.js';

/** One request: the account of its token, and its loaders, each made when it is first needed. */
export class Asking {
  #loaders = new Map();

  constructor(authorization) {
    this.account = accountOf(authorization);
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
    segments: (_, { first }, { asking }) => database.segments(asking.account, first),
    segment: (_, { id }, { asking }) => database.segment(asking.account, id),
    candidates: (_, { filter, first }, { asking }) => database.candidates(asking.account, filter, first),
    quotaUsage: (_, __, { asking }) => database.quotaUsage(asking.account),
  },
  Segment: {
    members: ({ id }, { first }, { asking }) => asking.load(database.membersOf, id, first),
  },
  Candidate: {
    consents: ({ id }, _, { asking }) => asking.load(database.consentsOf, id),
    applications: ({ id }, { first }, { asking }) => asking.load(database.applicationsOf, id, first),
  },
  Consent: {
    policy: ({ policyId }, _, { asking }) => asking.load(database.policiesById, policyId),
  },
  ApplicationEdge: {
    vacancy: ({ vacancyId }, _, { asking }) => asking.load(database.vacanciesById, vacancyId),
  },
};
