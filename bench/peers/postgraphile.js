// PostGraphile 5 on node:http, with its Amber preset: the graph is made from the tables. Who may see what is decided in
// the plans of root fields, by the account of the token, and from there on by keys that all begin with the account;
// row-level security would cost a transaction per request. Relations that have no foreign key are told by smart tags.
// Only the root fields that the reads use are scoped so: this is no server for anybody's data.
import { createServer } from 'node:http';
import { postgraphile } from 'postgraphile';
import { makePgService } from 'postgraphile/adaptors/pg';
import { context } from 'postgraphile/grafast';
import { grafserv } from 'postgraphile/grafserv/node';
import { sql } from 'postgraphile/pg-sql2';
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber';
import { addPgTableCondition, extendSchema, gql, jsonPgSmartTags, wrapPlans } from 'postgraphile/utils';
import { TYPES, listOfCodec, loadOneWithPgClient } from 'postgraphile/@dataplan/pg';
import { accountOf, pool } from './connecting.js';

const relations = jsonPgSmartTags({
  version: 1,
  config: {
    class: {
      segment_member: {
        tags: {
          foreignKey: [
            '(account_id, segment_id) references segment (account_id, id)|@foreignFieldName members',
            '(account_id, candidate_id) references candidate (account_id, id)|@fieldName candidate',
          ],
        },
      },
      consent: {
        tags: {
          foreignKey: [
            '(account_id, candidate_id) references candidate (account_id, id)' +
              '|@foreignSimpleFieldName consents|@behavior +list -connection',
            '(account_id, policy_id) references privacy_policy (account_id, id)|@fieldName policy',
          ],
        },
      },
      application: {
        tags: {
          foreignKey: [
            '(account_id, candidate_id) references candidate (account_id, id)|@foreignFieldName applications',
            '(account_id, vacancy_id) references vacancy (account_id, id)|@fieldName vacancy',
          ],
        },
      },
    },
  },
});

const candidate = { schemaName: 'public', tableName: 'candidate' };

/** Only rows of the account that asks. */
const scoped = (plan) => {
  const $connection = plan();
  const $rows = $connection.getSubplan();
  const account = $rows.placeholder(context().get('account'), TYPES.uuid);
  $rows.where(sql`${$rows.alias}.account_id = ${account}`);
  return $connection;
};

/** The usage of each account, of which there is one. */
const quotaUsage = (client, accounts) =>
  Promise.all(
    accounts.map(async (account) => {
      const { rows } = await client.query({
        name: 'quota',
        text: `SELECT c.endpoint_limit AS "limit", u.email_used + u.sms_used AS used, u.reserved,
            greatest(0, c.endpoint_limit - u.email_used - u.sms_used - u.reserved) AS remaining
          FROM endpoint_usage u CROSS JOIN (SELECT endpoint_limit FROM contract
            WHERE account_id = $1 AND current_date BETWEEN starts_on AND ends_on
            ORDER BY starts_on DESC, id DESC LIMIT 1) c
          WHERE u.account_id = $1`,
        values: [account],
      });
      return rows[0];
    }),
  );

const preset = {
  extends: [PostGraphileAmberPreset],
  disablePlugins: ['PgIndexBehaviorsPlugin'],
  plugins: [
    relations,
    wrapPlans({ Query: { allSegments: scoped, allCandidates: scoped } }),
    addPgTableCondition(
      candidate,
      'countryIs',
      ({ graphql }) => ({ type: graphql.GraphQLString }),
      (value, { sql, sqlTableAlias, sqlValueWithCodec }) =>
        sql`lower(${sqlTableAlias}.country) COLLATE "C" = lower(${sqlValueWithCodec(value, TYPES.text)})`,
    ),
    addPgTableCondition(
      candidate,
      'hasAnySkill',
      ({ graphql }) => ({ type: new graphql.GraphQLList(new graphql.GraphQLNonNull(graphql.GraphQLString)) }),
      (value, { sql, sqlTableAlias, sqlValueWithCodec }) =>
        sql`${sqlTableAlias}.search @@ tags_query('skill', ${sqlValueWithCodec(value, listOfCodec(TYPES.text))}, '|')`,
    ),
    extendSchema(({ input: { pgRegistry } }) => ({
      typeDefs: gql`
        extend type Query {
          ownSegment(id: UUID!): Segment
          quotaUsage: QuotaUsage
        }

        type QuotaUsage {
          limit: Int!
          used: Int!
          reserved: Int!
          remaining: Int!
        }
      `,
      objects: {
        Query: {
          plans: {
            ownSegment: (_, { $id }) =>
              pgRegistry.pgResources.segment.get({ account_id: context().get('account'), id: $id }),
            quotaUsage: () =>
              loadOneWithPgClient(pgRegistry.pgResources.segment.executor, context().get('account'), quotaUsage),
          },
        },
      },
    })),
  ],
  pgServices: [makePgService({ pool, schemas: ['public'] })],
  grafast: {
    explain: false,
    context: ({ node }) => ({ account: accountOf(node?.req.headers.authorization) }),
  },
  grafserv: { graphiql: false, watch: false },
};

const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(Number(process.env.PORT), '127.0.0.1');
