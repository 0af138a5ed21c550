import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { acceptedClasses, gatewayApiVersion, hasLogin } from '#install/envoy-gateway-facts.ts';
import { inOrder, templateArguments } from '#install/envoy-gateway-manifests.ts';
import { envoyGatewayImages } from '#install/envoy-gateway-names.ts';
import { envoyGatewayPartsOf } from '#install/envoy-gateway-parts.ts';
import { owned, parseManifests } from '#lab/manifests.ts';
import { nameInNodes } from '#machine/image-names.ts';
import { loadVersions } from '#machine/versions.ts';

const read = async (name: string) => parseManifests(await readFile(resolve(import.meta.dirname, name), 'utf8'));
const named = (kind: string, name = kind) => ({ kind, metadata: { name } });

describe('the manifests of Envoy Gateway', () => {
  it('come in the order in which each step needs the one before', () => {
    const all = ['Deployment', 'Job', 'ConfigMap', 'CustomResourceDefinition', 'Role'].map((kind) => named(kind));
    const { definitions, base, certgen, controller } = inOrder(all);
    const kinds = [definitions, base, certgen, controller].map((step) => step.map(({ kind }) => kind));
    expect(kinds).toEqual([['CustomResourceDefinition'], ['ConfigMap', 'Role'], ['Job'], ['Deployment']]);
  });

  it('are asked of helm with the defaults of the chart first and our values over them', () => {
    const parts = { helm: '/helm', chart: '/chart', image: 'meshwitness.local/envoy-gateway:v1', envoy: 'envoy:1' };
    const flags = templateArguments(parts, 'abc');
    const files = flags.flatMap((flag, at) => (flag === '--values' ? [flags[at + 1]] : []));
    expect(files).toEqual(['/chart/values.tmpl.yaml', expect.stringMatching(/envoy-gateway-values\.yaml$/)]);
    expect(flags).toContain('global.images.envoyGateway.image=meshwitness.local/envoy-gateway:v1');
    expect(flags).toContain('deployment.pod.annotations={"meshwitness.dev/values":"abc"}');
  });

  it('write the access log that those of Istio write: one parser reads both', async () => {
    const [istio] = (await read('istio-values.yaml')) as unknown as [
      { spec: { meshConfig: { accessLogFormat: string } } },
    ];
    const [proxy] = (await read('envoy-gateway-proxy.yaml')) as unknown as [
      { spec: { telemetry: { accessLog: { settings: { format: { json: object } }[] } } } },
    ];
    const [setting] = proxy.spec.telemetry.accessLog.settings;
    expect(setting?.format.json).toEqual(JSON.parse(istio.spec.meshConfig.accessLogFormat));
  });

  it('carry our label beside their own', () => {
    expect(owned({ metadata: { name: 'a', labels: { app: 'a' } } })).toEqual({
      metadata: { name: 'a', labels: { app: 'a', 'meshwitness.dev/owner': 'meshwitness' } },
    });
  });
});

describe('the parts of Envoy Gateway', () => {
  it.each(['envoy', 'envoy-1.36-image'] as const)('with %s name images that a node can hold', async (proxy) => {
    const versions = await loadVersions();
    const part = (name: string) =>
      [name, { part: name, version: '1', origin: 'build', hash: 'h', path: `/${name}` }] as const;
    const ready = new Map(['helm', 'envoy-gateway-chart'].map(part));
    const parts = envoyGatewayPartsOf(ready, versions, proxy);
    expect(parts).toMatchObject({ helm: '/helm/helm', chart: '/envoy-gateway-chart/gateway-helm' });
    const names = envoyGatewayImages(proxy).map((each) => nameInNodes(versions, each));
    expect([parts.image, parts.envoy]).toEqual(names);
  });

  it('that are not here are not ready', async () => {
    const versions = await loadVersions();
    expect(() => envoyGatewayPartsOf(new Map(), versions)).toThrow(/are not here/);
  });
});

describe('what a cluster says of its Envoy Gateway', () => {
  const controllerName = 'gateway.envoyproxy.io/gatewayclass-controller';
  const accepted = (status: string) => ({ conditions: [{ type: 'Accepted', status }] });

  it('are the classes that are its own and that it accepted', () => {
    const classes = [
      { metadata: { name: 'ours' }, spec: { controllerName }, status: accepted('True') },
      { metadata: { name: 'refused' }, spec: { controllerName }, status: accepted('False') },
      { metadata: { name: 'new' }, spec: { controllerName } },
      {
        metadata: { name: 'istio' },
        spec: { controllerName: 'istio.io/gateway-controller' },
        status: accepted('True'),
      },
    ];
    expect(acceptedClasses(classes)).toEqual(['ours']);
  });

  it('is the release of the Gateway API that its definitions are marked with', () => {
    const annotations = {
      'gateway.networking.k8s.io/bundle-version': 'v1.6.1',
      'gateway.networking.k8s.io/channel': 'experimental',
    };
    expect(gatewayApiVersion({ metadata: { name: 'gatewayclasses', annotations } })).toBe('v1.6.1 experimental');
    expect(gatewayApiVersion({ metadata: { name: 'gatewayclasses' } })).toBeUndefined();
  });

  it('is a login when a served version of SecurityPolicy has one', () => {
    const schema = { openAPIV3Schema: { properties: { spec: { properties: { oidc: {} } } } } };
    const policy = (served: boolean) => ({
      ...named('CustomResourceDefinition'),
      spec: { versions: [{ served, schema }] },
    });
    expect(hasLogin(policy(true))).toBe(true);
    expect(hasLogin(policy(false))).toBe(false);
    expect(hasLogin({ ...policy(true), spec: { versions: [{ served: true }] } })).toBe(false);
  });
});
