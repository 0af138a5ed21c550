import type { Manifest } from '#lab/cluster.ts';
import { owned, parseManifests } from '#lab/manifests.ts';

/** Names of the images that the two programs run, as nodes know them. */
export interface MetallbImages {
  controller: string;
  speaker: string;
}

/** Guards against pools that others write badly. Ours is the only one, and the guard takes a minute to get its certificate. */
const webhook = ['metallb-webhook-configuration', 'metallb-webhook-service', 'metallb-webhook-cert'];
/** How speakers of several nodes find each other: a cluster of ours has one node. */
const memberlist = /^METALLB_ML_/;

/**
 * MetalLB's own manifest as our clusters run it: with our images and our label, without webhook and memberlist, ready as
 * soon as it answers.
 *
 * @param text of `metallb-native.yaml` out of its module
 */
export function metallbManifests(text: string, images: MetallbImages): Manifest[] {
  return parseManifests(text)
    .filter(({ metadata }) => !webhook.includes(metadata.name))
    .map((manifest) => owned(hasPods(manifest) ? adapted(manifest, images) : manifest));
}

function adapted(workload: Workload, images: MetallbImages): Workload {
  const { containers, volumes = [], ...pod } = workload.spec.template.spec;
  const left = volumes.filter(({ secret }) => secret === undefined);
  const running = containers.map((container) => ({
    ...container,
    image: images[container.name],
    args: [...container.args, extraArgument[container.name]],
    env: container.env?.filter(({ name }) => !memberlist.test(name)),
    volumeMounts: container.volumeMounts?.filter(({ name }) => left.some((volume) => volume.name === name)),
    readinessProbe: { ...container.readinessProbe, initialDelaySeconds: 0, periodSeconds: 1 },
  }));
  const template = { ...workload.spec.template, spec: { ...pod, containers: running, volumes: left } };
  return { ...workload, spec: { ...workload.spec, template } };
}

const extraArgument = {
  controller: '--webhook-mode=disabled',
  // kubeadm keeps load balancers off the control plane, which is all that there is here.
  speaker: '--ignore-exclude-lb',
} as const;

const hasPods = (manifest: Manifest): manifest is Workload =>
  manifest.kind === 'Deployment' || manifest.kind === 'DaemonSet';

interface Workload extends Manifest {
  spec: {
    template: {
      spec: {
        containers: {
          name: keyof MetallbImages;
          image: string;
          args: string[];
          env?: { name: string }[] | undefined;
          volumeMounts?: { name: string }[] | undefined;
          readinessProbe?: object;
        }[];
        volumes?: { name: string; secret?: object }[];
      };
    };
  };
}
