import { Command, Option } from 'commander';
import prettyMs from 'pretty-ms';
import { ensureIstio, istioPartNames, nodeImageForLab } from '#install/istio-parts.ts';
import { istioChannels, istioManifests, type IstioChannel } from '#install/istio-manifests.ts';
import { installIstio } from '#install/istio.ts';
import type { Lab } from '#lab/lab.ts';
import { checkLabName, defaultLabName } from '#lab/record.ts';
import { holdLab } from '#lab/run-lock.ts';
import { readTopology, topologyNames } from '#lab/topology.ts';
import { upLab } from '#lab/up.ts';
import { ensureEngine } from '#machine/engine.ts';
import { withProgress } from '#machine/images/progress.ts';
import { ensureParts } from '#machine/parts.ts';
import { UsageError } from '#support/errors.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const choices = [...istioChannels, 'both', 'none'] as const;
interface UpOptions {
  name: string;
  istio: (typeof choices)[number];
  json: boolean;
}

/** `up [topology]`: a lab that stays up, for many runs. */
export function upCommand(signal: AbortSignal): Command {
  return new Command('up')
    .argument('[topology]', 'a file of kind/topologies without its ending', 'solo')
    .description('bring a lab up and keep it, so that later runs need not wait for it')
    .option('--name <name>', 'labs of different names stand side by side', defaultLabName)
    .addOption(
      new Option('--istio <version>', 'which Istio to install in each cluster').choices(choices).default('current'),
    )
    .option('--json', 'print what stands as JSON', false)
    .action(async (topology: string, options: UpOptions, command: Command) => {
      if (command.args.length > 1)
        throw new UsageError(`one topology at a time, of ${(await topologyNames()).join(', ')}`);
      const started = performance.now();
      const channels = channelsOf(options.istio);
      const lab = await up(topology, options.name, channels, signal);
      console.log(options.json ? JSON.stringify(described(lab, channels), undefined, 2) : told(lab, channels, started));
    });
}

async function up(topology: string, name: string, channels: IstioChannel[], signal: AbortSignal): Promise<Lab> {
  checkLabName(name);
  await readTopology(topology);
  await ensureEngine({ say, signal });
  const hold = await holdLab(name, say, signal);
  try {
    const nodeImagePart = await nodeImageForLab(name, channels, { signal });
    const wanted = ['kind', nodeImagePart, ...istioPartNames(channels)];
    await withProgress((onProgress) => ensureParts(wanted, { signal, onProgress }));
    const istio = await ensureIstio(channels, { signal });
    const [lab] = await Promise.all([
      upLab({ name, topology, nodeImagePart, say, signal }),
      // Needs no cluster: done while they come up.
      ...istio.map((parts) => istioManifests(parts, signal)),
    ]);
    await Promise.all(
      [...lab.clusters.values()].map(async (cluster) => {
        const installed = await installIstio(cluster, istio, signal);
        if (installed.length > 0) say(`cluster ${cluster.name}: Istio ${installed.join(' and ')} installed`);
      }),
    );
    return lab;
  } finally {
    await hold.release();
  }
}

function channelsOf(choice: UpOptions['istio']): IstioChannel[] {
  if (choice === 'none') return [];
  return choice === 'both' ? [...istioChannels] : [choice];
}

function described(lab: Lab, istio: readonly IstioChannel[]) {
  const clusters = [...lab.clusters.values()].map(({ name, context, kubeconfigFile, node }) => ({
    name,
    context,
    kubeconfig: kubeconfigFile,
    node,
    istio,
  }));
  return { name: lab.name, topology: lab.topology, reused: lab.reused, clusters };
}

function told(lab: Lab, istio: readonly IstioChannel[], started: number): string {
  const what = istio.length === 0 ? 'without Istio' : `with Istio ${istio.join(' and ')}`;
  const name = lab.name === defaultLabName ? '' : ` --name ${lab.name}`;
  return [
    `Lab ${lab.name} (${lab.topology}) stands ${what}${lab.reused ? ', as before' : ''}: ${prettyMs(performance.now() - started)}`,
    ...[...lab.clusters.values()].map(
      (cluster) => `  ${cluster.name}: kubectl --kubeconfig ${cluster.kubeconfigFile ?? ''}`,
    ),
    `Take it down: ./meshwitness down${name}`,
  ].join('\n');
}
