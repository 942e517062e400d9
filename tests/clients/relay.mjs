// Relay's runtime: its network, its store, and artifacts as its compiler writes them.
import relay from 'relay-runtime';
import { answer, given, sha256, story, tell } from './given.mjs';
import { artifact } from './relay_artifact.mjs';

const { Environment, Network, RecordSource, Store, createOperationDescriptor } = relay;

function asking(authorization, idOf = () => null) {
  const fetchAnswer = async (params, variables) => {
    const response = await fetch(given.url, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(params.id ? { doc_id: params.id, variables } : { query: params.text, variables }),
    });
    return response.json();
  };
  const environment = new Environment({ network: Network.create(fetchAnswer), store: new Store(new RecordSource()) });
  return async (kind, text, variables) => {
    const operation = createOperationDescriptor(artifact(text, idOf(text)), variables);
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

const byId = asking(given.authorization, (text) => `sha256:${sha256(text)}`);

tell({
  ...(await story(asking(given.authorization), asking(given.stranger))),
  foundById: await byId('query', given.documents.find, given.variables.find),
  unknownId: await byId('query', 'query Unknown { viewer { subject } }', {}),
});
