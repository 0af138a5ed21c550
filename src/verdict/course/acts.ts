import { whileSuspended } from '#lab/suspend.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';
import type { Ground } from '#verdict/course/ground.ts';
import type { Step } from '#verdict/course/script.ts';

/** Told of what is done, when it is done. */
export type Note = (workload: string, what: string, detail: string) => void;

/** Does what a step says. Returns when it is done: a restart when the new pod is ready, a suspension when it is over. */
export async function act(ground: Ground, { workload, act: wanted }: Step, note: Note): Promise<void> {
  const { scene, script, issuer, signal } = ground;
  if ('mode' in wanted) {
    note(workload, 'mode', wanted.mode);
    await issuer?.mode(workload, wanted.mode);
  } else if ('trust' in wanted) {
    note(workload, 'trust', wanted.trust);
    await issuer?.trust(wanted.group, wanted.trust);
  } else if ('restart' in wanted) {
    note(workload, 'restart', 'rollout restart');
    await scene.restart(workload, signal);
    // An agent has a pair signed for a proxy that it meets for the first time, whatever it forgets later.
    if (script.external.includes(workload)) await issuer?.restartCourse([workload]);
  } else if ('clock' in wanted) {
    const seconds = wanted.clock * script.lifetimeSeconds;
    note(workload, 'clock', `stepped by ${seconds} s`);
    await issuer?.clock(seconds);
  } else if ('suspend' in wanted) {
    note(workload, 'suspended', 'the node');
    await suspend(ground, wanted.suspend * script.lifetimeSeconds * 1000);
    note(workload, 'resumed', 'the node');
  } else {
    note(workload, 'refused', 'its ServiceAccount is gone');
    const { namespace } = scene.workload(workload);
    await scene.cluster.remove(
      [{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: workload, namespace } }],
      signal,
    );
  }
}

/** Suspends the node for a while, by the clock outside. */
async function suspend({ scene, signal }: Ground, forMs: number): Promise<void> {
  const start = performance.now();
  const over = () => Promise.resolve(performance.now() - start >= forMs ? { done: true } : { seen: 'suspended' });
  const options = { timeoutMs: forMs + timeouts.requestMs, intervalMs: timeouts.courseStepEveryMs, signal };
  await whileSuspended(scene.cluster, () => until('the suspension to end', over, options));
}

/** Signs anew for everyone, so that all lifetimes begin at one moment. */
export async function beginLifetimes({ script, issuer }: Ground): Promise<void> {
  await issuer?.restartCourse([...script.external, ...script.loads.flatMap(({ identity }) => identity ?? [])]);
}

/** Takes back what an earlier course did to the workloads of this one, and has every issuer healthy again. */
export async function undo({ scene, script, issuer, signal }: Ground): Promise<void> {
  const { external, steps, loads } = script;
  const refused = steps.filter((step) => 'refuse' in step.act).map(({ workload }) => readmit(workload));
  await Promise.all(refused);
  if (!issuer) return;
  const identities = [...external, ...loads.flatMap(({ identity }) => identity ?? [])];
  await issuer.clock(0);
  await issuer.mode(identities, 'healthy');
  const { groups } = await issuer.page();
  // A group whose leaves are signed by a root that has left its bundle.
  for (const { name } of groups.filter(({ roots }) => roots.some(({ signs, inBundle }) => signs && !inBundle)))
    await issuer.trust(name, 'sign-with-new');

  async function readmit(workload: string): Promise<void> {
    const { namespace } = scene.workload(workload);
    if (await scene.cluster.read('v1', 'ServiceAccount', workload, namespace)) return;
    const planned = scene.plan.workloads.find(({ name }) => name === workload)?.objects ?? [];
    await scene.cluster.apply(
      planned.filter(({ kind }) => kind === 'ServiceAccount'),
      signal,
    );
    // Its token speaks of the account that was; only a new pod gets another.
    await scene.restart(workload, signal);
  }
}
