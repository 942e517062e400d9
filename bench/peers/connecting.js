// The token and the pool of every server on Node.js.
import { createVerifier } from 'fast-jwt';
import pg from 'pg';

export const pool = new pg.Pool({ max: 10, idleTimeoutMillis: 0, options: '-c TimeZone=UTC -c jit=off' });

// Tokens are verified once and then known, as Segments does it.
const verify = createVerifier({
  key: process.env.JWT_SECRET,
  algorithms: ['HS256'],
  allowedAud: 'segments',
  allowedIss: 'segments',
  cache: 1000,
});

/** Whom the token is for. Throws when it is not valid. */
export const accountOf = (authorization) => verify((authorization ?? '').replace(/^Bearer /, '')).account;
