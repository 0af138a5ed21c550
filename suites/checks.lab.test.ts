import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { productName } from '#install/channel.ts';
import { istioChannels } from '#install/istio-manifests.ts';
import { loadCatalogue, type CataloguedCheck } from '#verdict/catalogue.ts';
import { sceneFacts } from '#verdict/scene-file.ts';
import { verdictLine, type VerdictLine } from '#verdict/result.ts';
import { start } from './harness/command.ts';

// Every check and every twin, on real labs: the same commands that a person types. Products have labs of their own, one after the
// other, as two cores carry no more. But for the soak, which suspends the node: with a hundred pods on it, what follows is a test of
// Kubernetes. It has nights, and labs, of its own.
const decided = (await loadCatalogue()).filter(({ level, tags }) => level !== 'roadmap' && !tags.includes('soak'));
const checks = await Promise.all(decided.map(async (each) => ({ ...each, products: await productsOf(each) })));
const gateways = productName('envoy-gateway');
const lines: VerdictLine[] = [];

beforeAll(async () => {
  const [logins, rest] = [onGateways(true), onGateways(false)];
  lines.push(...(await verify([...rest, '--istio', 'both', '--name', 'test-checks'])));
  lines.push(...(await verify([...logins, '--name', 'test-logins'])));
});

const onGateways = (wanted: boolean): string[] =>
  checks.filter(({ products }) => products.some((each) => each === gateways) === wanted).map(({ id }) => id);

async function verify(args: string[]): Promise<VerdictLine[]> {
  const { ended } = start(['verify', ...args, '--twins', '--json'], new AbortController().signal, {}, 'inherit');
  const { stdout } = await ended;
  const { dir } = JSON.parse(stdout) as { dir: string };
  const text = await readFile(resolve(dir, 'verdicts.ndjson'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => verdictLine.parse(JSON.parse(line)));
}

/** Every product that decides a check; the harness itself is the same under every one. */
async function productsOf({ scene, uses = [], channels = istioChannels }: CataloguedCheck) {
  if (scene === undefined) return [undefined];
  const { product } = await sceneFacts(scene, uses);
  return product === 'istio' ? channels.map(productName) : [productName(product)];
}

/**
 * What a check with load measures is the machine's as well: where requests could not be sent on time, or repeats disagree,
 * nothing is decided, and that is no fault of the check.
 */
const tooBusy = (line?: VerdictLine): boolean =>
  line?.verdict === 'inconclusive' || /came out inconclusive/.test(line?.reason ?? '');

/** What a person who reads the log of CI wants to know of a line that is not as it should be. */
const whole = (line?: VerdictLine): string =>
  line === undefined ? 'no verdict' : [line.verdict, line.reason, ...(line.earlier ?? [])].join('\n  ');

describe.each(checks)('$id $title', ({ id, products, tags, twins }) => {
  describe.each(products)('on %s', (product) => {
    const lineOf = (twin?: string) =>
      lines.find((line) => line.id === id && line.twin === twin && line.product === product);
    const undecided = (line?: VerdictLine): boolean => tags.includes('load') && tooBusy(line);

    it('passes, on three witnesses or more', ({ skip }) => {
      const line = lineOf();
      if (undecided(line)) skip(line?.reason);
      expect(line, whole(line)).toMatchObject({ verdict: 'pass' });
      expect(line?.witnesses.length).toBeGreaterThanOrEqual(3);
    });

    it.for(twins.map(({ name }) => name))('is turned red by its twin %s', (twin, { skip }) => {
      const line = lineOf(twin);
      if (undecided(line)) skip(line?.reason);
      expect(line, whole(line)).toMatchObject({ verdict: 'caught' });
    });
  });
});
