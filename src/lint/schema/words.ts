import type { ErrorObject } from 'ajv';
import { fields } from '#lint/shape.ts';
import { nearest } from '#support/nearest.ts';

interface Words {
  why: (path: string) => string;
  fix: string;
  /** The field below the one that the error names, where it is meant. */
  field?: string;
}

/** What a person is told of an error of the validator. */
export function wordsFor({ keyword, params, parentSchema, data, message = 'is not as expected' }: ErrorObject): Words {
  const given = params as Record<string, unknown>;
  const known = Object.keys(fields(fields(parentSchema)['properties']));
  if (keyword === 'additionalProperties') {
    const field = String(given['additionalProperty']);
    const meant = nearest(field, known, 'did you mean');
    return {
      field,
      why: (path) => `${path} is no field of the API`,
      fix: meant ?? (known.length > 0 ? `fields here: ${known.slice(0, 30).join(', ')}` : 'leave it out'),
    };
  }
  if (keyword === 'required') {
    const field = String(given['missingProperty']);
    return { why: (path) => `${path === '' ? 'the object' : path} lacks ${field}`, fix: `add ${field}` };
  }
  if (keyword === 'type')
    return {
      why: (path) => `${path} is ${kindOf(data)}, expected ${[given['type']].flat().join(' or ')}`,
      fix: typeof data === 'string' ? 'leave the quotes out' : 'put it in quotes, if a text is meant',
    };
  if (keyword === 'enum') {
    const allowed = (given['allowedValues'] as unknown[]).map(String);
    return {
      why: (path) => `${path} is ${short(data)}, expected one of ${allowed.join(', ')}`,
      fix: (typeof data === 'string' ? nearest(data, allowed, 'did you mean') : undefined) ?? 'take one of these',
    };
  }
  if (keyword === 'oneOf' || keyword === 'anyOf' || keyword === 'not')
    return {
      why: (path) => `${path} has none of the allowed combinations of fields, or several at once`,
      fix: 'kubectl explain tells which fields exclude each other',
    };
  return { why: (path) => `${path} ${message}`, fix: `expected: ${message}` };
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  return typeof value === 'object' ? 'a map' : `the ${typeof value} ${short(value)}`;
}

const short = (value: unknown): string => JSON.stringify(value).slice(0, 60);
