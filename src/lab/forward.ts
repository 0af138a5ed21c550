import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { PortForward } from '@kubernetes/client-node';
import pRetry from 'p-retry';
import { Pool } from 'undici';
import type { Cluster } from '#lab/cluster.ts';
import { NotReadyError } from '#support/errors.ts';
import { timeouts } from '#support/timeouts.ts';

/** HTTP to one port of one pod, from inside the pod's own network: the mesh does not see it. */
export interface PodHttp {
  /** One request; the body is returned as text. Any status is an answer. */
  request: (path: string, options?: PodRequest) => Promise<{ status: number; body: string }>;
  /** GET that must answer 200 with JSON. @throws NotReadyError naming pod, port, path and what came instead */
  json: <T>(path: string, options?: PodRequest) => Promise<T>;
}

export interface PodRequest {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Sent as JSON. */
  body?: unknown;
  timeoutMs?: number;
  signal?: AbortSignal;
}

interface OpenForward {
  pod: PodHttp;
  /** The loopback port. */
  local: number;
  close: () => Promise<void>;
}

/**
 * Forwards to pods through the API server, kept open for as long as the run lasts: a probe pays for one request on
 * an open connection, not for a tunnel. Each listens on a loopback port that the kernel picked.
 */
export class Forwards implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #open = new Map<string, Promise<OpenForward>>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** HTTP to a port of a pod. The tunnel is made on first use and shared. */
  async to(namespace: string, pod: string, port: number): Promise<PodHttp> {
    return (await this.#entry(namespace, pod, port)).pod;
  }

  /** The loopback port that leads to a port of a pod, for what speaks no HTTP or is no part of this process. */
  async port(namespace: string, pod: string, port: number): Promise<number> {
    return (await this.#entry(namespace, pod, port)).local;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#open.values()];
    this.#open.clear();
    await Promise.allSettled(all.map(async (entry) => (await entry).close()));
  }

  #entry(namespace: string, pod: string, port: number): Promise<OpenForward> {
    const key = `${namespace}/${pod}:${port}`;
    const entry = this.#open.get(key) ?? this.#start(namespace, pod, port, key);
    this.#open.set(key, entry);
    return entry;
  }

  async #start(namespace: string, pod: string, port: number, name: string): Promise<OpenForward> {
    const forward = new PortForward(this.#cluster.config);
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => socket.destroy());
      forward
        .portForward(namespace, pod, [port], socket, null, socket, 0)
        .then((tunnel) => {
          const ws = typeof tunnel === 'function' ? tunnel() : tunnel;
          ws?.addEventListener('close', () => socket.destroy());
          socket.on('close', () => ws?.close());
        })
        .catch(() => socket.destroy());
    });
    const local = await listen(server);
    const pool = new Pool(`http://127.0.0.1:${local}`, { connections: 4, pipelining: 1, keepAliveTimeout: 60_000 });
    return {
      pod: podHttp(pool, name),
      local,
      close: async () => {
        await pool.destroy();
        for (const socket of sockets) socket.destroy();
        server.close();
      },
    };
  }
}

function podHttp(pool: Pool, name: string): PodHttp {
  const once = async (path: string, { method = 'GET', body, timeoutMs, signal }: PodRequest) => {
    const deadline = AbortSignal.timeout(timeoutMs ?? timeouts.requestMs);
    const response = await pool.request({
      path,
      method,
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    });
    return { status: response.statusCode, body: await response.body.text() };
  };
  // A tunnel may break or stall while its kubelet is busy. To read again, through a new one, changes nothing.
  const request: PodHttp['request'] = (path, options = {}) =>
    pRetry(() => once(path, options), {
      retries: (options.method ?? 'GET') === 'GET' ? 2 : 0,
      minTimeout: timeouts.pollMs,
      shouldRetry: () => options.signal?.aborted !== true,
      ...(options.signal && { signal: options.signal }),
    });
  return {
    request,
    json: async <T>(path: string, options?: PodRequest) => {
      const { status, body } = await request(path, options);
      if (status !== 200) throw new NotReadyError(`${name}${path} answered ${status}: ${body.slice(0, 200)}`);
      return JSON.parse(body) as T;
    },
  };
}

async function listen(server: Server): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  return promise;
}
