import { $ } from 'zx/core';
import { labLabel, ownerLabel } from '#support/paths.ts';

/** A container or network of the engine that carries our label. */
export interface OwnedObject {
  name: string;
  lab: string;
  running: boolean;
}

const docker = $({ quiet: true });

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

/** Node containers of one lab: those on its network whose image carries our label. */
export async function ownedNodes(lab?: string): Promise<OwnedObject[]> {
  const filters = ['--filter', `label=${ownerLabel}`, '--filter', 'label=io.x-k8s.kind.cluster'];
  if (lab !== undefined) filters.push('--filter', `network=${networkName(lab)}`);
  const { stdout } = await docker`docker ps -a ${filters} --format ${'{{.Names}}\t{{.Networks}}\t{{.State}}'}`;
  return rows(stdout).map(([name = '', network = '', state = '']) => ({
    name,
    lab: network.replace(/^mw-/, ''),
    running: state === 'running',
  }));
}

/** True when the engine has a container of that name that does not carry our label. */
export async function nameTakenByOther(container: string): Promise<boolean> {
  const format = `{{index .Config.Labels "${ownerLabel}"}}`;
  const { exitCode, stdout } = await docker({
    nothrow: true,
  })`docker container inspect --format ${format} ${container}`;
  return exitCode === 0 && stdout.trim() === '';
}

/** Makes the lab's network, labelled; kind then joins it instead of making its own. Safe to repeat. */
export async function ensureNetwork(lab: string): Promise<void> {
  const name = networkName(lab);
  const format = `{{index .Labels "${labLabel}"}}`;
  const { exitCode } = await docker({ nothrow: true })`docker network inspect --format ${format} ${name}`;
  if (exitCode === 0) return;
  await docker`docker network create --driver bridge --label ${`${ownerLabel}=meshwitness`} --label ${`${labLabel}=${lab}`} ${name}`;
}

/** Removes containers (with their volumes) and networks by name; what is already gone is no error. */
export async function removeObjects(containers: string[], networks: string[]): Promise<void> {
  if (containers.length > 0) await docker({ nothrow: true })`docker rm --force --volumes ${containers}`;
  if (networks.length > 0) await docker({ nothrow: true })`docker network rm ${networks}`;
}

function rows(stdout: string): string[][] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}
