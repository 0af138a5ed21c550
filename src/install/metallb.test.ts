import { describe, expect, it } from 'vitest';
import { metallbManifests } from '#install/metallb-manifests.ts';

const images = { controller: 'our/controller:1', speaker: 'our/speaker:1' };
/** As MetalLB's own, cut down to what we change and what has to stay. */
const text = `
kind: Secret
metadata: { name: metallb-webhook-cert }
---
kind: ValidatingWebhookConfiguration
metadata: { name: metallb-webhook-configuration }
---
kind: DaemonSet
metadata: { name: speaker, labels: { app: metallb } }
spec:
  template:
    metadata: { labels: { app: metallb } }
    spec:
      hostNetwork: true
      containers:
        - name: speaker
          image: published/speaker:1
          args: [--port=7472]
          env: [{ name: METALLB_NODE_NAME }, { name: METALLB_ML_BIND_ADDR }]
          readinessProbe: { httpGet: { path: /metrics }, initialDelaySeconds: 10 }
          volumeMounts: [{ name: memberlist }, { name: metallb-excludel2 }]
      volumes:
        - { name: memberlist, secret: { secretName: memberlist } }
        - { name: metallb-excludel2, configMap: { name: metallb-excludel2 } }
`;

describe('the manifests of MetalLB', () => {
  it('run our images, and wait for no certificate and no other speaker', () => {
    expect(metallbManifests(text, images)).toEqual([
      {
        kind: 'DaemonSet',
        metadata: { name: 'speaker', labels: { app: 'metallb', 'meshwitness.dev/owner': 'meshwitness' } },
        spec: {
          template: {
            metadata: { labels: { app: 'metallb' } },
            spec: {
              hostNetwork: true,
              containers: [
                {
                  name: 'speaker',
                  image: 'our/speaker:1',
                  args: ['--port=7472', '--ignore-exclude-lb'],
                  env: [{ name: 'METALLB_NODE_NAME' }],
                  readinessProbe: { httpGet: { path: '/metrics' }, initialDelaySeconds: 0, periodSeconds: 1 },
                  volumeMounts: [{ name: 'metallb-excludel2' }],
                },
              ],
              volumes: [{ name: 'metallb-excludel2', configMap: { name: 'metallb-excludel2' } }],
            },
          },
        },
      },
    ]);
  });
});
