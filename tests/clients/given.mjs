// What a test gives a script, and how the script tells what it saw: JSON by stdin and stdout.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const given = JSON.parse(readFileSync(0, 'utf8'));

export const socketUrl = given.url.replace('http', 'ws');

export function tell(seen) {
  process.stdout.write(JSON.stringify(seen));
}

/** An answer as the tests read it, whichever client took it apart. */
export function answer(data, errors = []) {
  return { data: data ?? null, errors: errors.map((each) => ({ code: each.extensions?.code, path: each.path ?? null })) };
}

/**
 * Goes through the chapters. `ask` and `askAsStranger` take the kind of operation, its document and its variables;
 * `follow` takes the document of a subscription, its variables and what to do with each answer, and returns what ends it.
 */
export async function story(ask, askAsStranger, follow) {
  const { documents, variables } = given;
  const created = await ask('mutation', documents.create, variables.create);
  return {
    found: await ask('query', documents.find, variables.find),
    created,
    refused: await ask('mutation', documents.create, variables.create),
    partial: await ask('query', documents.askTooMuch, variables.askTooMuch),
    misspelt: await ask('query', documents.misspell, {}),
    strange: await askAsStranger('query', documents.find, variables.find),
    watched: await watched(ask, follow, created.data.createSegment.segment.id),
    lost: await first(follow, documents.lookInVain, variables.lookInVain),
  };
}

/** What is used of the quota: at first, when a candidate has joined the segment, and when they have left it. */
function watched(ask, follow, segmentId) {
  const { documents, candidate } = given;
  const changes = [documents.add, documents.remove];
  const input = { segmentId, candidates: { ids: [candidate] } };
  const used = [];
  return new Promise((resolve, reject) => {
    const stop = follow(documents.watch, {}, ({ data, errors }) => {
      if (errors.length > 0) return reject(new Error(JSON.stringify(errors)));
      used.push(data.quotaUsage.used);
      if (used.length > changes.length) {
        stop();
        return resolve({ used });
      }
      return ask('mutation', changes[used.length - 1], { input }).catch(reject);
    });
  });
}

function first(follow, text, variables) {
  return new Promise((resolve) => {
    const stop = follow(text, variables, (found) => {
      stop();
      resolve(found);
    });
  });
}

/** The fetch of a client, and what of each request it sent names or holds a document. */
export function recording() {
  const sent = [];
  const record = (url, init = {}) => {
    const asked = init.body ? JSON.parse(init.body) : Object.fromEntries(new URL(url).searchParams);
    const extensions = typeof asked.extensions === 'string' ? JSON.parse(asked.extensions) : asked.extensions;
    sent.push({
      method: init.method ?? 'GET',
      text: asked.query !== undefined,
      named: Boolean(extensions?.persistedQuery?.sha256Hash ?? asked.documentId ?? asked.doc_id),
    });
    return fetch(url, init);
  };
  return { record, sent };
}

export const sha256 = (text) => createHash('sha256').update(text).digest('hex');
