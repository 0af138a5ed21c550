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
  // Nothing but the engine ends the stream, in words that differ from version to version: `unexpected EOF`, or none.
  void events.then((cause) => {
    if (!stop.signal.aborted) gone.abort(engineGone(new Error('cannot connect to the Docker daemon', { cause })));
  });
  return { gone: gone.signal, [Symbol.dispose]: () => stop.abort() };
}
