// Relay's runtime: its network, its store, and artifacts as its compiler writes them.
import relay from 'relay-runtime';
import { answer, given, story, tell } from './given.mjs';
import { artifact } from './relay_artifact.mjs';

const { Environment, Network, RecordSource, Store, createOperationDescriptor } = relay;

function asking(authorization) {
  const fetchAnswer = async (params, variables) => {
    const response = await fetch(given.url, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify({ query: params.text, variables }),
    });
    return response.json();
  };
  const environment = new Environment({ network: Network.create(fetchAnswer), store: new Store(new RecordSource()) });
  return async (kind, text, variables) => {
    const operation = createOperationDescriptor(artifact(text), variables);
    try {
      const { errors } = kind === 'query'
        ? await environment.execute({ operation }).toPromise()
        : await environment.executeMutation({ operation }).toPromise();
      return answer(environment.lookup(operation.fragment).data, errors);
    } catch (error) {
      if (!error.source) throw error;
      return answer(null, error.source.errors);
    }
  };
}

tell(await story(asking(given.authorization), asking(given.stranger)));
