// What the test gives a script, and how the script tells what it saw: JSON by stdin and stdout.
import { readFileSync } from 'node:fs';

export const given = JSON.parse(readFileSync(0, 'utf8'));

export function tell(seen) {
  process.stdout.write(JSON.stringify(seen));
}

/** What came of a promise: the value, or what `read` makes of the error it was rejected with. */
export async function outcome(promise, read) {
  try {
    return await promise;
  } catch (error) {
    return read(error);
  }
}
