// What Relay's compiler makes of an operation without fragments and directives, for its runtime.
import { readFileSync } from 'node:fs';
import { TypeInfo, buildSchema, getNamedType, getNullableType, isAbstractType, isLeafType, isListType } from 'graphql';
import { parse, validate, visit, visitWithTypeInfo } from 'graphql';

const schema = buildSchema(readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'));

/** The artifact of a document that fits the schema or not: what does not fit has nothing to be read. */
export function artifact(text, id = null) {
  const document = parse(text);
  const [operation] = document.definitions;
  const name = operation.name.value;
  const selections = validate(schema, document).length > 0 ? [] : selected(document);
  const argumentDefinitions = operation.variableDefinitions.map((each) => ({
    defaultValue: null,
    kind: 'LocalArgument',
    name: each.variable.name.value,
  }));
  const type = schema.getRootType(operation.operation).name;
  return {
    kind: 'Request',
    fragment: { kind: 'Fragment', name, type, argumentDefinitions, metadata: null, selections, abstractKey: null },
    operation: { kind: 'Operation', name, argumentDefinitions, selections },
    params: { id, cacheID: name, metadata: {}, name, operationKind: operation.operation, text: id ? null : text },
  };
}

function selected(document) {
  const types = new TypeInfo(schema);
  const levels = [[]];
  const field = {
    enter() {
      levels.push([]);
    },
    leave(node) {
      const below = levels.pop();
      levels.at(-1).push(selection(node, types.getType(), below));
    },
  };
  visit(document, visitWithTypeInfo(types, { Field: field }));
  return levels[0];
}

function selection(node, type, selections) {
  const common = {
    alias: node.alias?.value ?? null,
    args: node.arguments.map((each) => argument(each.name.value, each.value)),
    name: node.name.value,
    storageKey: null,
  };
  const named = getNamedType(type);
  if (isLeafType(named)) return { ...common, kind: 'ScalarField' };
  const concreteType = isAbstractType(named) ? null : named.name;
  return { ...common, kind: 'LinkedField', concreteType, plural: isListType(getNullableType(type)), selections };
}

function argument(name, value) {
  if (value.kind === 'Variable') return { kind: 'Variable', name, variableName: value.name.value };
  if (value.kind !== 'ObjectValue') return { kind: 'Literal', name, value: JSON.parse(value.value) };
  return { kind: 'ObjectValue', name, fields: value.fields.map((each) => argument(each.name.value, each.value)) };
}
