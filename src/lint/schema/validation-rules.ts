import { Environment } from '@marcbachmann/cel-js';
import type { Path } from '#lint/finding.ts';
import { fields, isFields, items, type Fields } from '#lint/shape.ts';
import type { Structural } from '#lint/schema/crds.ts';

/** A rule of a definition that does not hold. */
export interface Broken {
  path: Path;
  message: string;
  rule: string;
}

const environment = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true }).registerVariable(
  'self',
  'dyn',
);

type Holds = (self: unknown) => boolean | undefined;
const compiled = new Map<string, Holds>();

/**
 * The `x-kubernetes-validations` that an object breaks. What the CEL library does not understand (of the 252 rules of the pinned
 * definitions: functions of Kubernetes' own, and `has` on an element of a list), or fails at, counts as holding: the dry run
 * of `--context` decides it. Rules that compare with what was there before say nothing of a manifest.
 *
 * @param value with the defaults of the schema filled in
 */
export function brokenRules(value: unknown, structural: Structural): Broken[] {
  const broken: Broken[] = [];
  convert(value, structural, [], broken);
  return broken;
}

/** Gives the value as CEL knows it (whole numbers are its `int`), and asks the rules on the way out. */
function convert(value: unknown, structural: Structural, path: Path, broken: Broken[]): unknown {
  const self = convertInside(value, structural, path, broken);
  for (const each of items(structural['x-kubernetes-validations'])) {
    const { rule, message } = fields(each);
    if (typeof rule !== 'string' || /\boldSelf\b/.test(rule)) continue;
    if (holds(rule)(self) === false)
      broken.push({ path, rule, message: typeof message === 'string' ? message : `expected ${rule}` });
  }
  return self;
}

function convertInside(value: unknown, structural: Structural, path: Path, broken: Broken[]): unknown {
  if (typeof value === 'number')
    return Number.isInteger(value) && structural['type'] !== 'number' ? BigInt(value) : value;
  if (Array.isArray(value)) {
    const inner = fields(structural['items']);
    return value.map((each, at) => convert(each, inner, [...path, at], broken));
  }
  if (!isFields(value)) return value;
  const properties = fields(structural['properties']);
  const rest = fields(structural['additionalProperties']);
  const listed = structural['properties'] !== undefined;
  const self: Record<string, unknown> = {};
  for (const [key, each] of Object.entries(value)) {
    const inner = convert(each, propertyOf(properties, key) ?? rest, [...path, key], broken);
    self[key] = inner;
    // Kubernetes' way of naming fields that are words of the language, of which this is one.
    if (listed && key === 'namespace') self['__namespace__'] = inner;
  }
  return self;
}

const propertyOf = (properties: Fields, key: string): Fields | undefined =>
  Object.hasOwn(properties, key) ? fields(properties[key]) : undefined;

function holds(rule: string): Holds {
  const known = compiled.get(rule) ?? compile(rule);
  compiled.set(rule, known);
  return known;
}

function compile(rule: string): Holds {
  const unknown: Holds = () => undefined;
  try {
    const evaluate = environment.parse(rule);
    if (!evaluate.check().valid) return unknown;
    return (self) => {
      try {
        const result: unknown = evaluate({ self });
        return typeof result === 'boolean' ? result : undefined;
      } catch {
        return undefined;
      }
    };
  } catch {
    return unknown;
  }
}
