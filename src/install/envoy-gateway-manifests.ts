import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { $ } from 'zx/core';
import { envoyGatewayNamespace, gatewayClass } from '#install/envoy-gateway-names.ts';
import type { EnvoyGatewayParts } from '#install/envoy-gateway-parts.ts';
import { kept } from '#install/kept-manifests.ts';
import type { Manifest } from '#lab/cluster.ts';
import { owned, parseManifests } from '#lab/manifests.ts';
import { NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

/** What the chart makes of our values, in the order in which it is applied. */
export interface EnvoyGatewayManifests {
  /** Changes with the version, the images and the values. */
  hash: string;
  /** Of the Gateway API, and Envoy Gateway's own. */
  definitions: Manifest[];
  /** Roles and configuration. */
  base: Manifest[];
  /** Makes the certificates that the controller and its proxies show each other. */
  certgen: Manifest[];
  controller: Manifest[];
  /** Our GatewayClass, and how its proxies are made. */
  gatewayClass: Manifest[];
}

/** Raised when the cached form changes. */
const form = 1;
const ours = (name: string): string => resolve(import.meta.dirname, name);
const valuesFile = ours('envoy-gateway-values.yaml');
const classFiles = [ours('envoy-gateway-class.yaml'), ours('envoy-gateway-proxy.yaml')];

/**
 * Asks helm for the manifests of Envoy Gateway. It needs no cluster, so it can be done while one comes up; the answer is kept,
 * as reading its 62,000 lines takes seconds.
 *
 * @throws NotReadyError with helm's own words
 */
export async function envoyGatewayManifests(
  parts: EnvoyGatewayParts,
  signal?: AbortSignal,
): Promise<EnvoyGatewayManifests> {
  const [values, ...classes] = await Promise.all([valuesFile, ...classFiles].map((each) => readFile(each, 'utf8')));
  const own: Record<string, string> = { image: parts.envoy, workload: gatewayClass, home: envoyGatewayNamespace };
  const classText = classes.join('\n---\n').replaceAll(/\$\{(\w+)\}/g, (_, name: string) => own[name] ?? '');
  // The paths of parts hold a hash of their content.
  const hash = createHash('sha256')
    .update(JSON.stringify([form, parts]))
    .update(values ?? '')
    .update(classText)
    .digest('hex')
    .slice(0, 16);
  return kept(`envoy-gateway-${hash}`, async () => {
    const all = await render(parts, hash, signal);
    return {
      hash,
      ...inOrder(all.map(owned)),
      gatewayClass: parseManifests(classText).map(owned),
    };
  });
}

/** Sorts what helm printed into the steps of an installation. */
export function inOrder(all: readonly Manifest[]): Omit<EnvoyGatewayManifests, 'hash' | 'gatewayClass'> {
  const stepOf = ({ kind = '' }: Manifest) => steps[kind] ?? 'base';
  const { definitions = [], base = [], certgen = [], controller = [] } = Object.groupBy(all, stepOf);
  return { definitions, base, certgen, controller };
}

const steps: Record<string, 'definitions' | 'certgen' | 'controller'> = {
  CustomResourceDefinition: 'definitions',
  Job: 'certgen',
  Deployment: 'controller',
};

/** What helm is called with. The chart of a module lacks its values: they are a template, of which our values fill what is empty. */
export function templateArguments({ chart, image }: EnvoyGatewayParts, hash: string): string[] {
  // A pod of another configuration is another pod: else it would keep the one that it read at its start.
  const annotations = `deployment.pod.annotations=${JSON.stringify({ 'meshwitness.dev/values': hash })}`;
  const command = ['template', 'eg', chart, '--namespace', envoyGatewayNamespace, '--include-crds'];
  const files = ['--values', resolve(chart, 'values.tmpl.yaml'), '--values', valuesFile];
  const filled = ['--set-string', `global.images.envoyGateway.image=${image}`, '--set-json', annotations];
  return [...command, ...files, ...filled];
}

async function render(parts: EnvoyGatewayParts, hash: string, signal?: AbortSignal): Promise<Manifest[]> {
  const run = $({ quiet: true, nothrow: true, timeout: timeouts.requestMs, ...(signal && { signal }) });
  const { exitCode, stdout, stderr } = await run`${parts.helm} ${templateArguments(parts, hash)}`;
  signal?.throwIfAborted();
  if (exitCode === 0) return parseManifests(stdout);
  throw new NotReadyError(`helm made nothing of Envoy Gateway: ${stderr.trim().split('\n').at(-1)}`);
}
