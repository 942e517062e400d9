// What a test gives a script, and how the script tells what it saw: JSON by stdin and stdout.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

export const given = JSON.parse(readFileSync(0, 'utf8'));

export function tell(seen) {
  process.stdout.write(JSON.stringify(seen));
}

/** An answer as the tests read it, whichever client took it apart. */
export function answer(data, errors = []) {
  return { data: data ?? null, errors: errors.map((each) => ({ code: each.extensions?.code, path: each.path ?? null })) };
}

/** Goes through the chapters. `ask` and `askAsStranger` take the kind of operation, its document and its variables. */
export async function story(ask, askAsStranger) {
  const { documents, variables } = given;
  return {
    found: await ask('query', documents.find, variables.find),
    created: await ask('mutation', documents.create, variables.create),
    refused: await ask('mutation', documents.create, variables.create),
    partial: await ask('query', documents.askTooMuch, variables.askTooMuch),
    misspelt: await ask('query', documents.misspell, {}),
    strange: await askAsStranger('query', documents.find, variables.find),
  };
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
