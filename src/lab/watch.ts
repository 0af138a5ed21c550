import { $ } from 'zx/core';
import { nodeName } from '#lab/engine-objects.ts';
import { engineGone } from '#machine/docker.ts';
import { NotReadyError } from '#support/errors.ts';

/** Tells when the ground goes away under a lab. */
export interface LabWatch extends Disposable {
  /** Aborted, with the error to show, when a node stops or the Docker engine goes away. */
  gone: AbortSignal;
}

/**
 * Watches the nodes of a lab, so that a run ends with one clear line instead of many time-outs.
 *
 * @param clusters names of the lab's clusters
 */
export function watchLab(lab: string, clusters: readonly string[]): LabWatch {
  const [stop, gone] = [new AbortController(), new AbortController()];
  const filters = clusters.flatMap((cluster) => ['--filter', `container=${nodeName(lab, cluster)}`]);
  const run = $({ quiet: true, nothrow: true, signal: stop.signal });
  const events = run`docker events --filter event=die ${filters} --format ${'{{.Actor.Attributes.name}}'}`;
  const again = `./meshwitness up --name ${lab}`;
  events.stdout.once('data', (line: Buffer) =>
    gone.abort(new NotReadyError(`node ${line.toString().trim()} of lab ${lab} stopped while it was needed`, again)),
  );
  void events.then((ended) => {
    if (stop.signal.aborted) return;
    const error = new NotReadyError(
      `lab ${lab} cannot be watched any more: ${ended.stderr.trim().split('\n').at(-1)}`,
      again,
    );
    // The stream ends without a word when the engine is killed.
    const wentAway = engineGone(new Error('cannot connect to the docker daemon', { cause: ended }));
    gone.abort(ended.stderr.trim() === '' ? wentAway : (engineGone(ended) ?? error));
  });
  return { gone: gone.signal, [Symbol.dispose]: () => stop.abort() };
}
