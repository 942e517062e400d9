// Runs the audits of graphql-http. They know no tokens, so each request gets one on its way.
import { serverAudits } from 'graphql-http';
import { given, tell } from './given.mjs';

const fetchFn = (url, init) => fetch(url, { ...init, headers: { ...init?.headers, authorization: given.authorization } });

const results = [];
for (const audit of serverAudits({ url: given.url, fetchFn })) {
  const { id, name, status, reason } = await audit.fn();
  results.push({ id, name, status, reason });
}
tell(results);
