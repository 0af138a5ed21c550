import { ownedNetworks, ownedNodes, removeObjects } from '#lab/engine-objects.ts';
import { checkLabName, forgetLab, readLab, recordedLabs } from '#lab/record.ts';

/** What stands of one lab, for `status`. */
export interface LabStatus {
  name: string;
  /** `up`, `partly` (a node is stopped or missing), or `orphan` (things of ours without a record). */
  state: 'up' | 'partly' | 'orphan';
  topology: string | undefined;
  createdAt: string | undefined;
  nodes: string[];
  network: boolean;
}

/** Every lab that left anything behind: records, nodes or networks that carry our label. */
export async function labStatuses(): Promise<LabStatus[]> {
  const [nodes, networks, recorded] = await Promise.all([ownedNodes(), ownedNetworks(), recordedLabs()]);
  const names = new Set([...recorded, ...nodes.map(({ lab }) => lab), ...networks.map(({ lab }) => lab)]);
  const status = async (name: string): Promise<LabStatus> => {
    const own = nodes.filter(({ lab }) => lab === name);
    const record = await readLab(name);
    const whole = record?.complete === true && own.length > 0 && own.every(({ running }) => running);
    return {
      name,
      state: record === undefined ? 'orphan' : whole ? 'up' : 'partly',
      topology: record?.topology,
      createdAt: record?.createdAt,
      nodes: own.map((node) => node.name),
      network: networks.some(({ lab }) => lab === name),
    };
  };
  return Promise.all([...names].toSorted().map(status));
}

/**
 * Removes one lab: its nodes, its network, its folder, also what a crash left of it. The caller holds the lab.
 *
 * @returns what was removed of the engine, by name
 * @throws UsageError for a name that no lab can have
 */
export async function downKind(name: string): Promise<string[]> {
  checkLabName(name);
  const nodes = (await ownedNodes(name)).map((node) => node.name);
  const networks = (await ownedNetworks()).filter(({ lab }) => lab === name).map((network) => network.name);
  await removeObjects(nodes, networks);
  await forgetLab(name);
  return [...nodes, ...networks];
}
