import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { productName } from '#install/channel.ts';
import { istioChannels } from '#install/istio-manifests.ts';
import { loadCatalogue, type CataloguedCheck } from '#verdict/catalogue.ts';
import { verdictLine, type VerdictLine } from '#verdict/result.ts';
import { sceneFacts } from '#verdict/scene-file.ts';
import { start } from '../harness/command.ts';

/** A check, with the products that decide it: undefined for the harness itself, which is the same under every one. */
export interface Decided extends CataloguedCheck {
  products: (string | undefined)[];
}

/**
 * All checks that decide anything, but for the soak, which suspends the node: with a hundred pods on it, what follows is a test of
 * Kubernetes. It has nights, and labs, of its own.
 */
export async function decidedChecks(): Promise<Decided[]> {
  const decided = (await loadCatalogue()).filter(({ level, tags }) => level !== 'roadmap' && !tags.includes('soak'));
  return Promise.all(decided.map(async (each) => ({ ...each, products: await productsOf(each) })));
}

async function productsOf({ scene, uses = [], channels = istioChannels }: CataloguedCheck) {
  if (scene === undefined) return [undefined];
  const { product } = await sceneFacts(scene, uses);
  return product === 'istio' ? channels.map(productName) : [productName(product)];
}

/** Runs the command that a person types, and reads what it decided. @param env added to the environment */
export async function verify(args: readonly string[], env: Record<string, string> = {}): Promise<VerdictLine[]> {
  const { ended } = start(['verify', ...args, '--json'], new AbortController().signal, env, 'inherit');
  const { stdout } = await ended;
  const { dir } = JSON.parse(stdout) as { dir: string };
  const text = await readFile(resolve(dir, 'verdicts.ndjson'), 'utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => verdictLine.parse(JSON.parse(line)));
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

/** A test for each check and each twin. @param lines filled before the tests run */
export function everyVerdict(checks: readonly Decided[], lines: readonly VerdictLine[]): void {
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
}
