import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createPlain, type AddressInfo } from 'node:net';
import { createServer, type Server } from 'node:tls';
import {
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  cryptoProvider,
} from '@peculiar/x509';
import { afterEach, describe, expect, it } from 'vitest';
import { meetPod } from '#diagnose/handshake.ts';
import { timeouts } from '#support/timeouts.ts';

cryptoProvider.set(webcrypto as unknown as Parameters<typeof cryptoProvider.set>[0]);
const open: { close: () => void }[] = [];
afterEach(() => open.splice(0).forEach((each) => each.close()));
const { signal } = new AbortController();
const { handshakeMs } = timeouts;
afterEach(() => void Object.assign(timeouts, { handshakeMs }));

/** A server that demands a client certificate, as a sidecar in STRICT does. */
async function serve(name: { type: 'url' | 'dns'; value: string }): Promise<number> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'O=outside-issuer',
    serialNumber: '00ab12',
    notBefore: new Date(Date.now() - 120_000),
    notAfter: new Date(Date.now() - 60_000),
    signingAlgorithm: algorithm,
    keys,
    extensions: [new SubjectAlternativeNameExtension([name])],
  });
  const key = PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey), 'PRIVATE KEY');
  const server = createServer({
    cert: certificate.toString('pem'),
    key,
    requestCert: true,
    rejectUnauthorized: true,
    ALPNProtocols: ['h2'],
  });
  return listen(server);
}
async function listen(server: Server | ReturnType<typeof createPlain>): Promise<number> {
  open.push(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

describe('a handshake with a pod', () => {
  it('sees the certificate that is served, expired as it is, without one of its own', async () => {
    const port = await serve({ type: 'url', value: 'spiffe://cluster.local/ns/sock-shop/sa/catalogue' });
    expect(await meetPod('127.0.0.1', port, signal)).toMatchObject({
      outcome: 'served',
      leaf: { serial: 'ab12', uris: ['spiffe://cluster.local/ns/sock-shop/sa/catalogue'] },
    });
  });

  it('takes no other certificate for the mesh’s: something may stand in between', async () => {
    const port = await serve({ type: 'dns', value: 'proxy.example' });
    expect(await meetPod('127.0.0.1', port, signal)).toEqual({ outcome: 'no certificate with a SPIFFE ID' });
  });

  it('ends in words when nobody listens, or nobody speaks TLS', async () => {
    const port = await listen(createPlain((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')));
    expect(Object.keys(await meetPod('127.0.0.1', port, signal))).toEqual(['outcome']);
    expect((await meetPod('127.0.0.1', 1, signal)).outcome).toMatch(/ECONNREFUSED/);
  });

  it('never waits for long', async () => {
    Object.assign(timeouts, { handshakeMs: 100 });
    const port = await listen(createPlain(() => undefined));
    expect((await meetPod('127.0.0.1', port, signal)).outcome).toBe('the pod cannot be reached from here');
  });
});
