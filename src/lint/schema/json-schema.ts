import { fields, isFields, items, type Fields } from '#lint/shape.ts';
import type { Structural } from '#lint/schema/crds.ts';

/** What every object may carry besides its kind's own fields; the server's own fields are there for objects that were exported. */
const text = { type: 'string' };
const texts = { type: 'object', additionalProperties: text };
const metadata = {
  type: 'object',
  additionalProperties: false,
  properties: {
    name: text,
    generateName: text,
    namespace: text,
    labels: texts,
    annotations: texts,
    finalizers: { type: 'array', items: text },
    ownerReferences: { type: 'array', items: { type: 'object' } },
    managedFields: { type: 'array', items: { type: 'object' } },
    uid: text,
    resourceVersion: text,
    selfLink: text,
    generation: { type: 'integer' },
    creationTimestamp: { type: ['string', 'null'] },
    deletionTimestamp: text,
    deletionGracePeriodSeconds: { type: 'integer' },
  },
};

/** Keywords that mean the same in both, and hold values, not schemas. */
const same = [
  'type',
  'enum',
  'default',
  'format',
  'pattern',
  'maximum',
  'minimum',
  'exclusiveMaximum',
  'exclusiveMinimum',
  'multipleOf',
  'maxLength',
  'minLength',
  'maxItems',
  'minItems',
  'uniqueItems',
  'maxProperties',
  'minProperties',
  'required',
];

/** A schema of a definition as JSON Schema, as strict as an API server that is asked to validate strictly: no unknown fields. */
export function jsonSchemaOf(structural: Structural): Fields {
  const schema = convert(structural, true);
  return { ...schema, properties: { ...fields(schema['properties']), metadata } };
}

/** @param strict false inside of anyOf and the like, which only add conditions on fields that are listed elsewhere */
function convert(structural: Structural, strict: boolean): Fields {
  const schema: Record<string, unknown> = {};
  for (const key of same) if (key in structural) schema[key] = structural[key];
  if (structural['x-kubernetes-int-or-string'] === true) return { ...schema, type: ['integer', 'string'] };
  if (structural['nullable'] === true && typeof schema['type'] === 'string') schema['type'] = [schema['type'], 'null'];
  for (const key of ['allOf', 'anyOf', 'oneOf'])
    if (key in structural) schema[key] = items(structural[key]).map((each) => convert(fields(each), false));
  if (isFields(structural['not'])) schema['not'] = convert(structural['not'], false);
  if (isFields(structural['items'])) schema['items'] = convert(structural['items'], strict);
  if (isFields(structural['properties']))
    schema['properties'] = Object.fromEntries(
      Object.entries(structural['properties']).map(([name, each]) => [name, convert(fields(each), strict)]),
    );
  const { additionalProperties } = structural;
  if (isFields(additionalProperties)) schema['additionalProperties'] = convert(additionalProperties, strict);
  else if (strict && structural['type'] === 'object' && structural['x-kubernetes-preserve-unknown-fields'] !== true)
    schema['additionalProperties'] = additionalProperties === true;
  return schema;
}
