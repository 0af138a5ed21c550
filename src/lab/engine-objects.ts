import { $, type ProcessOutput } from 'zx/core';
import { UsageError } from '#support/errors.ts';
import { labLabel, ownerLabel } from '#support/paths.ts';

/** A container or network of the engine that carries our label. */
export interface OwnedObject {
  name: string;
  lab: string;
  running: boolean;
}

const docker = $({ quiet: true });
const kindLabel = 'io.x-k8s.kind.cluster';

/** Name of the kind cluster, and so of its node's prefix, for one cluster of a lab. */
export const kindName = (lab: string, cluster: string): string => `mw-${lab}-${cluster}`;
/** Name of the network that the nodes of one lab share. */
export const networkName = (lab: string): string => `mw-${lab}`;
/** Name of the single node container of a kind cluster. */
export const nodeName = (lab: string, cluster: string): string => `${kindName(lab, cluster)}-control-plane`;

/** Networks made by us, of every lab. */
export async function ownedNetworks(): Promise<OwnedObject[]> {
  const format = `{{.Name}}\t{{.Label "${labLabel}"}}`;
  const { stdout } = await docker`docker network ls --filter label=${ownerLabel} --format ${format}`;
  return rows(stdout).map(([name = '', lab = '']) => ({ name, lab, running: true }));
}

/**
 * Node containers made by us. kind gives its nodes no label of ours, so what tells them is the image, which carries it,
 * and the network, which is named after the lab and which only kind nodes of the lab join.
 *
 * @param lab only those of one lab
 */
export async function ownedNodes(lab?: string): Promise<OwnedObject[]> {
  const filters = ['--filter', `label=${ownerLabel}`, '--filter', `label=${kindLabel}`];
  const format = `{{.Names}}\t{{.Label "${kindLabel}"}}\t{{.Networks}}\t{{.State}}`;
  const { stdout } = await docker`docker ps -a ${filters} --format ${format}`;
  return rows(stdout)
    .map(([name = '', cluster = '', network = '', state = '']) => ({ name, cluster, network, state }))
    .filter(({ cluster, network }) => network.startsWith('mw-') && cluster.startsWith(`${network}-`))
    .map(({ name, network, state }) => ({ name, lab: network.slice('mw-'.length), running: state === 'running' }))
    .filter((node) => lab === undefined || node.lab === lab);
}

/**
 * Makes sure that no name a lab needs belongs to someone else.
 *
 * @throws UsageError naming the container or network that we did not make
 */
export async function refuseForeign(lab: string, clusters: readonly string[]): Promise<void> {
  const { stdout: containers } = await docker`docker ps -a --format ${'{{.Names}}'}`;
  const { stdout: networks } = await docker`docker network ls --format ${'{{.Name}}'}`;
  const [nodes, ours] = await Promise.all([ownedNodes(lab), ownedNetworks()]);
  const foreign = (listed: string, owned: OwnedObject[], wanted: string[]) =>
    wanted.find((name) => rows(listed).flat().includes(name) && !owned.some((each) => each.name === name));
  const wantedNodes = clusters.map((cluster) => nodeName(lab, cluster));
  const container = foreign(containers, nodes, wantedNodes);
  const network = foreign(networks, ours, [networkName(lab)]);
  if (container === undefined && network === undefined) return;
  throw new UsageError(
    `a ${container === undefined ? 'network' : 'container'} called ${container ?? network} exists that meshwitness did not make`,
    'choose another name for the lab: ./meshwitness up --name other',
  );
}

/** Makes the lab's network, labelled; kind then joins it instead of making its own. Safe to repeat. */
export async function ensureNetwork(lab: string): Promise<void> {
  const name = networkName(lab);
  if ((await ownedNetworks()).some((network) => network.name === name)) return;
  const labels = ['--label', `${ownerLabel}=meshwitness`, '--label', `${labLabel}=${lab}`];
  await docker`docker network create --driver bridge ${labels} ${name}`;
}

/** Removes containers (with their volumes) and networks by name; what is already gone is no error. */
export async function removeObjects(containers: readonly string[], networks: readonly string[]): Promise<void> {
  const run = $({ quiet: true, nothrow: true });
  if (containers.length > 0) checked(await run`docker rm --force --volumes ${containers}`);
  if (networks.length > 0) checked(await run`docker network rm ${networks}`);
}

function checked(output: ProcessOutput): void {
  const unexpected = output.stderr.split('\n').filter((line) => line !== '' && !/no such|not found/i.test(line));
  if (output.exitCode !== 0 && unexpected.length > 0) throw output;
}

function rows(stdout: string): string[][] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}
