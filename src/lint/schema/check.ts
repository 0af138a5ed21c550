import { isIPv4, isIPv6 } from 'node:net';
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { pathText, type Finding, type Path } from '#lint/finding.ts';
import { findingAt, type Manifest } from '#lint/manifest.ts';
import type { Definitions, Structural } from '#lint/schema/crds.ts';
import { jsonSchemaOf } from '#lint/schema/json-schema.ts';
import { wordsFor } from '#lint/schema/words.ts';
import { brokenRules } from '#lint/schema/validation-rules.ts';
import { at, holdsVariable, isFields, isVariable } from '#lint/shape.ts';
import { nearest } from '#support/nearest.ts';

interface Checked {
  structural: Structural;
  validate: ValidateFunction;
}

const ajv = new Ajv({
  strict: false,
  allErrors: true,
  useDefaults: true,
  validateSchema: false,
  unicodeRegExp: false,
  verbose: true,
  formats: {
    ipv4: isIPv4,
    ipv6: isIPv6,
    byte: true,
    int32: true,
    int64: true,
    'date-time': true,
    double: true,
    float: true,
  },
});

/** Checks objects by the definitions of their kinds. */
export class Schemas {
  readonly #definitions: Definitions;
  readonly #checked = new Map<string, Checked | undefined>();

  constructor(definitions: Definitions) {
    this.#definitions = definitions;
  }

  /**
   * What is wrong with an object by its definition; nothing for kinds that have none here, and for encrypted objects.
   *
   * @param patch it is only a part of an object, for kustomize to lay over another: nothing can be missing
   */
  check(manifest: Manifest, patch: boolean): Finding[] {
    if (manifest.encrypted) return [];
    const checked = this.#forKind(manifest);
    if (checked === undefined) return this.#unknownKind(manifest);
    const value = withoutNulls(manifest.value);
    checked.validate(value);
    const errors = (checked.validate.errors ?? []).filter((error) => isTold(error, patch));
    const findings = errors.map((error) => findingFor(manifest, error));
    const shaped = errors.every(({ keyword }) => keyword === 'additionalProperties');
    // As in the API server: rules are asked only of what has the right shape.
    const rules = shaped && !patch ? brokenRules(value, checked.structural) : [];
    return [
      ...findings,
      ...rules.filter(({ path }) => !holdsVariable(at(value, path))).map((each) => ruleFinding(manifest, each)),
    ];
  }

  #forKind({ apiVersion, kind }: Manifest): Checked | undefined {
    const key = `${apiVersion} ${kind}`;
    if (!this.#checked.has(key)) {
      const structural = this.#definitions.schemaOf(apiVersion, kind);
      this.#checked.set(key, structural && { structural, validate: ajv.compile(jsonSchemaOf(structural)) });
    }
    return this.#checked.get(key);
  }

  #unknownKind(manifest: Manifest): Finding[] {
    const { apiVersion, group, kind } = manifest;
    if (isControllerConfig(manifest)) return [];
    const known = group === '' ? [] : this.#definitions.kindsOf(group);
    if (known.length === 0) return [];
    return [
      findingAt(manifest, ['kind'], {
        rule: 'schema',
        severity: 'error',
        why: `the API has no ${kind} in ${apiVersion}`,
        fix: nearest(`${apiVersion} ${kind}`, known, 'did you mean') ?? `there is ${known.join(', ')}`,
      }),
    ];
  }
}

/** The controller's own configuration has the form of an object, and is none: no server knows it. */
const isControllerConfig = ({ group, kind }: Manifest): boolean =>
  group === 'gateway.envoyproxy.io' && kind === 'EnvoyGateway';

/** A field without a value counts as absent, as the API server takes it. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isFields(value)) return value;
  const kept = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(kept.map(([key, each]) => [key, withoutNulls(each)]));
}

function isTold({ keyword, schemaPath, data }: ErrorObject, patch: boolean): boolean {
  // Of alternatives, the choice is told and not why each of them does not fit.
  if (/\/(?:oneOf|anyOf|not)\/./.test(schemaPath)) return false;
  if (patch && ['required', 'minItems', 'minProperties', 'oneOf', 'anyOf'].includes(keyword)) return false;
  return !isVariable(data);
}

function findingFor(manifest: Manifest, error: ErrorObject): Finding {
  const { why, fix, field } = wordsFor(error);
  const path: Path = [...pathOf(error.instancePath, manifest.value), ...(field === undefined ? [] : [field])];
  return findingAt(manifest, path, { rule: 'schema', severity: 'error', why: why(pathText(path)), fix });
}

function ruleFinding(manifest: Manifest, { path, message, rule }: ReturnType<typeof brokenRules>[number]): Finding {
  return findingAt(manifest, path, {
    rule: 'validation-rule',
    severity: 'error',
    why: `the API server refuses it: ${message}`,
    fix: `make this hold, where self is the field: ${rule.replaceAll(/\s+/g, ' ').slice(0, 300)}`,
  });
}

/** A JSON pointer, with its numbers as numbers where they count in a list. */
function pathOf(pointer: string, value: unknown): Path {
  const path: (string | number)[] = [];
  for (const step of pointer.split('/').slice(1)) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    path.push(Array.isArray(at(value, path)) ? Number(key) : key);
  }
  return path;
}
