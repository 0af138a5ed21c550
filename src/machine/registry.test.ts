import { describe, expect, it } from 'vitest';
import { hubAndTag, tagInNode, type ReadyPart } from '#machine/ready-part.ts';
import { isUnreachable, pullReference } from '#machine/registry.ts';

const digest = `sha256:${'a'.repeat(64)}`;

describe('where an image is pulled from', () => {
  it.each([
    ['istio/pilot:1.2', undefined, undefined, 'istio/pilot:1.2', 'the default registry'],
    ['istio/pilot:1.2', digest, undefined, `istio/pilot:1.2@${digest}`, 'the default registry'],
    ['host.example/a/b:1', undefined, undefined, 'host.example/a/b:1', 'host.example'],
    ['localhost:5000/a:1', undefined, undefined, 'localhost:5000/a:1', 'localhost:5000'],
    ['istio/pilot:1.2', undefined, 'mirror:5000/proxy/', 'mirror:5000/proxy/istio/pilot:1.2', 'mirror:5000'],
    ['host.example/a/b:1', digest, 'mirror:5000', `mirror:5000/a/b:1@${digest}`, 'mirror:5000'],
  ])('%s, digest %s, mirror %s', (reference, pinned, mirror, full, registry) => {
    expect(pullReference(reference, pinned, mirror)).toEqual({ full, registry });
  });
});

describe('a host that does not answer', () => {
  it.each([
    ['dial tcp: lookup registry on 10.0.0.1:53: no such host', true],
    ['dial tcp 127.0.0.1:1: connect: connection refused', true],
    ['context deadline exceeded: i/o timeout', true],
    ['manifest for a:1 not found: manifest unknown', false],
    ['pull access denied', false],
  ])('%s: %s', (message, unreachable) => {
    expect(isUnreachable(new Error(message))).toBe(unreachable);
  });
});

describe('names inside a node', () => {
  const base: ReadyPart = { part: 'p', version: '1', origin: 'build', hash: 'h' };

  it('give hub and tag as istioctl takes them', () => {
    const names = ['meshwitness.local/istio-current/pilot:v0.0.0-1'];
    expect(hubAndTag({ ...base, names })).toEqual({ hub: 'meshwitness.local/istio-current', tag: 'v0.0.0-1' });
    expect(hubAndTag(base)).toBeUndefined();
  });

  it('give the tags that kubeadm must ask for', () => {
    const preloaded = ['registry:5000/etcd-tools:9', 'registry:5000/etcd:3.5.16-0', 'registry:5000/coredns/coredns:v1'];
    expect(tagInNode({ ...base, preloaded }, 'etcd')).toBe('3.5.16-0');
    expect(tagInNode({ ...base, preloaded }, 'coredns')).toBe('v1');
    expect(tagInNode({ ...base, preloaded }, 'pause')).toBeUndefined();
  });
});
