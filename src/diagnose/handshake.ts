import { connect, type TLSSocket } from 'node:tls';
import type { Leaf } from '#support/certificates.ts';
import { messageOf } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';
import { leafOf } from '#witness/certificates/leaf.ts';

/** By the first names of protocols, a sidecar that also takes other TLS knows a caller of the mesh; it answers with the last. */
const meshProtocols = ['istio', 'istio-peer-exchange', 'istio-http/1.1', 'h2', 'http/1.1'];

/**
 * Begins a TLS handshake with a pod by its own address, far enough to see what it serves: no client certificate is needed for that.
 * A port-forward would not do, as it reaches the application behind the sidecar.
 *
 * @returns the certificate, or why none of the mesh was seen
 */
export async function meetPod(
  host: string,
  port: number,
  signal: AbortSignal,
): Promise<{ outcome: string; leaf?: Leaf }> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let socket: TLSSocket | undefined;
  try {
    signal.throwIfAborted();
    // What is served is looked at, not trusted.
    socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: meshProtocols });
    socket.setTimeout(timeouts.handshakeMs, () => reject(new Error('the pod cannot be reached from here')));
    socket.once('secureConnect', resolve).once('error', reject);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    await promise;
    const certificate = socket.getPeerX509Certificate();
    const leaf = certificate && leafOf(certificate);
    if (!leaf?.uris.some((uri) => uri.startsWith('spiffe://'))) return { outcome: 'no certificate with a SPIFFE ID' };
    return { outcome: 'served', leaf };
  } catch (error) {
    signal.throwIfAborted();
    return { outcome: messageOf(error) };
  } finally {
    socket?.destroy();
  }
}
