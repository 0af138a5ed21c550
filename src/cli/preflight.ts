import { Command, InvalidArgumentError } from 'commander';
import { openCluster } from '#cli/open-cluster.ts';
import { preflightText } from '#cli/preflight-text.ts';
import { decidePreflight, type Preflight } from '#gate/preflight.ts';
import { readPreflight } from '#gate/read-preflight.ts';

interface PreflightOptions {
  context?: string;
  name?: string;
  namespace: string;
  window: number;
  follow?: number;
  idleOk: boolean;
  json: boolean;
}

const examples = `
Examples:
  ./meshwitness preflight strict --context staging --namespace shop
  ./meshwitness preflight strict --context staging --namespace shop --window 1440 --idle-ok   the last day
  ./meshwitness preflight strict --context staging --namespace shop --follow 300              and five minutes more

Only reads: it lists objects and opens the logs of sidecars. Exit codes: 0 GO, 1 NO-GO, 2 bad input, 3 inconclusive or not allowed.`;

const exitCodes: Record<Preflight['verdict'], number> = { GO: 0, 'NO-GO': 1, INCONCLUSIVE: 3 };

/** `preflight strict`: may this namespace be flipped to STRICT mTLS, without cutting anybody off? */
export function preflightCommand(signal: AbortSignal): Command {
  const strict = new Command('strict')
    .description('who would be cut off if this namespace became STRICT: GO or NO-GO')
    .option('--context <name>', 'a cluster of your own, by the context of your kubeconfig')
    .option('--name <lab>', 'a lab of ours, in place of a context')
    .requiredOption('--namespace <name>', 'the namespace that is to become STRICT')
    .option('--window <minutes>', 'how far back the logs count', positive, 10)
    .option('--follow <seconds>', 'listen on for so long', positive)
    .option('--idle-ok', 'a workload that nobody called in the window is no obstacle', false)
    .option('--json', 'print what was seen, the verdict and its reasons as JSON', false)
    .addHelpText('after', examples)
    .action(async (options: PreflightOptions) => {
      process.exitCode = await preflight(options, signal);
    });
  return new Command('preflight')
    .description('questions before a change, asked of a running cluster and never changing it')
    .addCommand(strict);
}

async function preflight(options: PreflightOptions, signal: AbortSignal): Promise<number> {
  const { namespace, window, follow, idleOk, json, context, name } = options;
  const wanted = { ...(context !== undefined && { context }), ...(name !== undefined && { name }) };
  const cluster = await openCluster(wanted, signal);
  const facts = await readPreflight(cluster, {
    namespace,
    since: new Date(Date.now() - window * 60_000),
    ...(follow !== undefined && { followMs: follow * 1_000 }),
    signal,
  });
  const decided = decidePreflight(facts, { idleOk });
  console.log(json ? JSON.stringify({ ...decided, ...facts }, undefined, 2) : preflightText(facts, decided));
  return exitCodes[decided.verdict];
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a number above 0');
}
