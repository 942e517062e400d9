// What a test gives a script, and how the script tells what it saw: JSON by stdin and stdout.
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
