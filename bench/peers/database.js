// What Mercurius, Yoga and Apollo Server share: the statements. One statement per level for any
// number of parents, prepared by name. Columns carry the names of fields, so that the default resolvers serve them.
import pg from 'pg';
import { pool } from './connecting.js';

// Moments and days as text: a Date would cost more and lose the microseconds. The session's time zone is UTC.
pg.types.setTypeParser(1184, (text) => `${text.replace(' ', 'T').slice(0, -3)}Z`);
pg.types.setTypeParser(1082, (text) => text);

const rows = async (name, text, values) => (await pool.query({ name, text, values })).rows;

const CANDIDATE = `c.id, c.first_name AS "firstName", c.last_name AS "lastName", c.email, c.city, c.country, c.headline,
  c.skills, c.created_at AS "createdAt"`;
const SEGMENT = 'id, name, channel, member_count AS "memberCount"';

/** Rows of each id, in the order of the ids. */
const grouped = (ids, found, key) => {
  const groups = new Map(ids.map((id) => [id, []]));
  for (const row of found) groups.get(row[key]).push(row);
  return ids.map((id) => groups.get(id));
};

/** A page of rows, one more than wanted having been asked for. */
const page = (found, first, edge) => ({
  pageInfo: { hasNextPage: found.length > first },
  edges: (found.length > first ? found.slice(0, first) : found).map(edge),
});

export const segments = async (account, first) => ({
  nodes: await rows(
    'segments',
    `SELECT ${SEGMENT} FROM segment WHERE account_id = $1 AND archived_at IS NULL ORDER BY name_key, id LIMIT $2`,
    [account, first],
  ),
});

export const segment = async (account, id) =>
  (await rows('segment', `SELECT ${SEGMENT} FROM segment WHERE account_id = $1 AND id = $2`, [account, id]))[0];

export const membersOf = async (account, ids, first) => {
  const found = await rows(
    'members',
    `SELECT parent.id AS parent, listed.* FROM unnest($2::uuid[]) AS parent(id) CROSS JOIN LATERAL (
       SELECT ${CANDIDATE}, m.added_at AS "addedAt" FROM segment_member m
       JOIN candidate c ON c.account_id = $1 AND c.id = m.candidate_id
       WHERE m.account_id = $1 AND m.segment_id = parent.id
       ORDER BY m.added_at DESC, m.candidate_id DESC LIMIT $3) AS listed`,
    [account, ids, first + 1],
  );
  return grouped(ids, found, 'parent').map((each) => page(each, first, (row) => ({ addedAt: row.addedAt, node: row })));
};

export const consentsOf = async (account, ids) => {
  const found = await rows(
    'consents',
    `SELECT candidate_id AS "candidateId", policy_id AS "policyId", granted_at AS "grantedAt",
       expires_at AS "expiresAt", withdrawn_at AS "withdrawnAt", source
     FROM consent WHERE account_id = $1 AND candidate_id = ANY($2::uuid[]) ORDER BY granted_at DESC, policy_id`,
    [account, ids],
  );
  return grouped(ids, found, 'candidateId');
};

const byId = (ids, found) => {
  const known = new Map(found.map((row) => [row.id, row]));
  return ids.map((id) => known.get(id));
};

export const policiesById = async (account, ids) =>
  byId(
    ids,
    await rows(
      'policies',
      'SELECT id, name FROM privacy_policy WHERE account_id = $1 AND id = ANY($2::uuid[])',
      [account, ids],
    ),
  );

export const vacanciesById = async (account, ids) =>
  byId(
    ids,
    await rows(
      'vacancies',
      'SELECT id, title, opened_at AS "openedAt" FROM vacancy WHERE account_id = $1 AND id = ANY($2::uuid[])',
      [account, ids],
    ),
  );

export const applicationsOf = async (account, ids, first) => {
  const found = await rows(
    'applications',
    `SELECT parent.id AS parent, listed.* FROM unnest($2::uuid[]) AS parent(id) CROSS JOIN LATERAL (
       SELECT a.vacancy_id AS "vacancyId", a.applied_at AS "appliedAt" FROM application a
       WHERE a.account_id = $1 AND a.candidate_id = parent.id
       ORDER BY a.applied_at DESC, a.vacancy_id DESC LIMIT $3) AS listed`,
    [account, ids, first + 1],
  );
  return grouped(ids, found, 'parent').map((each) => page(each, first, (row) => row));
};

export const candidates = async (account, filter, first) => {
  const found = await rows(
    'candidates',
    `SELECT ${CANDIDATE} FROM candidate c WHERE c.account_id = $1
       AND ($2::text IS NULL OR lower(c.country) COLLATE "C" = lower($2))
       AND ($3::text[] IS NULL OR c.search @@ tags_query('skill', $3, '|'))
     ORDER BY c.created_at DESC, c.id DESC LIMIT $4`,
    [account, filter?.country?.eq, filter?.skills?.hasAny, first + 1],
  );
  return page(found, first, (node) => ({ node }));
};

export const quotaUsage = async (account) =>
  (
    await rows(
      'quota',
      `SELECT c.endpoint_limit AS "limit", u.email_used + u.sms_used AS used, u.reserved,
         greatest(0, c.endpoint_limit - u.email_used - u.sms_used - u.reserved) AS remaining
       FROM endpoint_usage u CROSS JOIN (SELECT endpoint_limit FROM contract
         WHERE account_id = $1 AND current_date BETWEEN starts_on AND ends_on
         ORDER BY starts_on DESC, id DESC LIMIT 1) c
       WHERE u.account_id = $1`,
      [account],
    )
  )[0];
