import { describe, expect, it } from 'vitest';
import type { Manifest } from '#lab/cluster.ts';
import { describeProxies, type ReadProxy } from '#gate/describe.ts';
import type { Arrival } from '#gate/inbound-log.ts';
import { Tally } from '#gate/tally.ts';
import { leftOutBy, selectedOf, workloadOf, type Pod, type Service } from '#gate/workloads.ts';

const since = new Date('2026-11-21T03:30:00Z');
const pod = (name: string, podIP: string, more: Partial<Pod> = {}): Pod => ({
  metadata: { name, namespace: 'semaphore', labels: { app: name } },
  spec: { containers: [{ name: 'app', ports: [{ containerPort: 8081 }] }, { name: 'istio-proxy' }] },
  status: { phase: 'Running', podIP },
  ...more,
});
const unmeshedSpec: Pod['spec'] = { containers: [{ name: 'app' }] };

/** A proxy that took these calls, all at the port 8081. */
function called(own: Pod, calls: [address: string, arrival: Arrival, minute?: number][]): ReadProxy {
  const tally = new Tally(since);
  for (const [address, arrival, minute = 31] of calls) {
    const time = new Date(`2026-11-21T03:${minute}:00Z`);
    tally.add({ kind: 'inbound', call: { time, port: 8081, address, forwarded: false, arrival } });
  }
  return { pod: own, tally };
}

const service = pod('auth-identity', '10.1.0.9');
const edge = pod('edge', '10.1.0.7', { spec: unmeshedSpec });
const described = (proxies: ReadProxy[], policies: Manifest[] = []) =>
  describeProxies({ pods: [service, edge], local: [service, edge], services: [], policies, proxies });

describe('what the logs counted, with names', () => {
  it('names the caller by its address, counts its calls, and keeps the last', () => {
    const { plaintext, proxies } = described([
      called(service, [
        ['10.1.0.7', 'plaintext', 31],
        ['10.1.0.7', 'plaintext', 35],
        ['10.1.0.8', 'mutual-tls'],
      ]),
    ]);
    expect(plaintext).toEqual([
      {
        source: 'semaphore/edge',
        address: '10.1.0.7',
        sidecar: false,
        destination: 'auth-identity',
        port: 8081,
        count: 2,
        lastSeen: '2026-11-21T03:35:00.000Z',
        outcome: 'accepted',
      },
    ]);
    expect(proxies).toMatchObject([{ state: 'told', calls: 3, serves: true }]);
  });

  it('counts replicas as one workload, and what began before the window not at all', () => {
    const { plaintext } = described([
      called(service, [['10.1.0.7', 'plaintext', 29]]),
      called(service, [['10.1.0.7', 'plaintext', 31]]),
      called(service, [['10.1.0.7', 'plaintext', 32]]),
    ]);
    expect(plaintext.map(({ count }) => count)).toEqual([2]);
  });

  it('says when nobody has the address any more, and when it is a node', () => {
    const hosted = pod('kubelet-like', '10.9.0.1', {
      spec: { hostNetwork: true, nodeName: 'worker-1', containers: [] },
      status: { phase: 'Running', podIP: '10.9.0.1', hostIP: '10.9.0.1' },
    });
    const { plaintext } = describeProxies({
      pods: [service, hosted],
      local: [service],
      services: [],
      policies: [],
      proxies: [
        called(service, [
          ['10.9.0.1', 'plaintext'],
          ['10.1.0.99', 'plaintext'],
        ]),
      ],
    });
    expect(plaintext.map(({ source }) => source)).toEqual(['node worker-1', '10.1.0.99 (no pod has this address now)']);
  });

  it('tells an exception of one port from a workload that is PERMISSIVE', () => {
    const policy = (spec: object): Manifest[] =>
      [
        {
          kind: 'PeerAuthentication',
          metadata: { name: 'own', namespace: 'semaphore' },
          spec: { selector: { matchLabels: { app: 'auth-identity' } }, ...spec },
        },
      ] as unknown as Manifest[];
    const calls = [called(service, [['10.1.0.7', 'plaintext']])];
    const excepted = described(calls, policy({ portLevelMtls: { 8081: { mode: 'PERMISSIVE' } } }));
    expect(excepted.plaintext[0]?.exception).toBe('PeerAuthentication semaphore/own, port level');
    expect(excepted.openPorts).toEqual([
      { workload: 'auth-identity', port: 8081, mode: 'PERMISSIVE', by: 'PeerAuthentication semaphore/own, port level' },
    ]);
    const stage = described(calls, policy({ mtls: { mode: 'PERMISSIVE' } }));
    expect(stage.plaintext[0]).not.toHaveProperty('exception');
    expect(described(calls, policy({ mtls: { mode: 'STRICT' } })).openPorts).toEqual([]);
  });

  it('lists workloads without a sidecar, seen calling or not', () => {
    const { unmeshed } = described([called(service, [['10.1.0.7', 'plaintext']])]);
    expect(unmeshed).toEqual([{ workload: 'edge', pods: 1, calls: 1 }]);
  });
});

describe('a workload', () => {
  it('is called as its owner, without the hash of the template', () => {
    const owned = (kind: string, name: string): Pod => ({
      metadata: {
        name: `${name}-x1`,
        labels: { 'pod-template-hash': '5d8f' },
        ownerReferences: [{ apiVersion: 'apps/v1', uid: '1', kind, name }],
      },
    });
    expect(workloadOf(owned('ReplicaSet', 'auth-identity-5d8f'))).toBe('auth-identity');
    expect(workloadOf(owned('StatefulSet', 'redis'))).toBe('redis');
    expect(workloadOf({ metadata: { name: 'bare' } })).toBe('bare');
  });

  it('serves the ports that it declares and those that Services call', () => {
    const services: Service[] = [
      {
        metadata: { namespace: 'semaphore' },
        spec: { selector: { app: 'auth-identity' }, ports: [{ port: 80, targetPort: 9090 }] },
      },
      { metadata: { namespace: 'elsewhere' }, spec: { selector: { app: 'auth-identity' }, ports: [{ port: 1 }] } },
      { metadata: { namespace: 'semaphore' }, spec: { ports: [{ port: 2 }] } },
    ];
    expect(selectedOf(service, services).ports).toEqual([8081, 9090]);
  });

  it('has ports that capture leaves out, where mTLS never reaches', () => {
    const annotated = (name: string, value: string): Pod => ({
      metadata: { annotations: { [`traffic.sidecar.istio.io/${name}`]: value } },
    });
    expect(leftOutBy(annotated('excludeInboundPorts', '9100, 8081'), 8081)).toBe('excludeInboundPorts');
    expect(leftOutBy(annotated('includeInboundPorts', '8080'), 8081)).toBe('includeInboundPorts');
    expect(leftOutBy(annotated('includeInboundPorts', '*'), 8081)).toBeUndefined();
  });
});
