import { metallb } from '#install/metallb.ts';
import { metricsServer } from '#install/metrics-server.ts';
import type { Cluster } from '#lab/cluster.ts';

/** What a lab gets besides Istio, and only when a check of the run needs the capability that it brings. */
export interface AddOn {
  /** Images that it runs, of kind/versions.yaml. */
  parts: readonly string[];
  /** Parts that installing it takes on this machine. */
  tools?: readonly string[];
  /** Installs it, or finds it as it should be, and waits until it answers. */
  install: (cluster: Cluster, signal?: AbortSignal) => Promise<void>;
  /** Whether a cluster has it, whoever installed it. */
  stands: (cluster: Cluster) => Promise<boolean>;
}

/** By the capability that checks name under `needs`. */
const addOns: Readonly<Record<string, AddOn>> = {
  'resource-metrics': metricsServer,
  'load-balancer': metallb,
};

const wantedOf = (needs: readonly string[]): AddOn[] => needs.flatMap((each) => addOns[each] ?? []);

/** Images that the add-ons for these capabilities run. */
export const addOnParts = (needs: readonly string[]): string[] => wantedOf(needs).flatMap(({ parts }) => parts);

/** Parts that installing the add-ons for these capabilities takes on this machine. */
export const addOnTools = (needs: readonly string[]): string[] => wantedOf(needs).flatMap(({ tools = [] }) => tools);

/**
 * Installs the add-ons that bring these capabilities into a cluster of ours; capabilities that no add-on brings are left alone.
 *
 * @returns those capabilities that it brought; they answered
 * @throws NotReadyError when one does not answer in time
 */
export async function installAddOns(
  cluster: Cluster,
  needs: readonly string[],
  signal?: AbortSignal,
): Promise<string[]> {
  const brought = needs.filter((each) => each in addOns);
  await Promise.all(wantedOf(brought).map(({ install }) => install(cluster, signal)));
  return brought;
}

/** The capabilities of add-ons that a cluster turns out to have. What we may not ask is not there for us. */
export async function askAddOns(cluster: Cluster): Promise<string[]> {
  // Who only plans an installation need not wait for the client library.
  const { statusOf } = await import('#lab/cluster.ts');
  const asked = Object.entries(addOns).map(async ([capability, { stands }]) => {
    const found = await stands(cluster).catch((error: unknown) => {
      if (statusOf(error) === 403) return false;
      throw error;
    });
    return found ? [capability] : [];
  });
  return (await Promise.all(asked)).flat();
}
