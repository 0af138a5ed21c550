import { once } from 'node:events';
import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { BrowseRequest } from '#fixtures/server/protocol-browse.ts';
import { placeOf, unknownHost } from '#fixtures/server/protocol-rules.ts';
import { nodeFailure, type Failure } from '#probe/chromium/failure.ts';

/** Where hosts are, and by whom their certificates must be. */
type Ground = Pick<BrowseRequest, 'resolve' | 'ca'>;
type Place = { address: string; port: number };

/** Of SOCKS 5, RFC 1928. */
const socks = { version: 5, noAuthentication: 0, succeeded: 0, ipv4: 1, name: 3 } as const;
/** The first byte of a TLS connection: a record of its handshake. */
const tlsHandshake = 0x16;

/**
 * The only way out of a browser's cookie jar: a SOCKS server on loopback that knows hosts as a visit names them, and no others. What
 * it cannot connect is told in the words of Node.js, where Chromium knows no more than that its proxy failed.
 *
 * It is also who trusts. Chromium cannot be given a CA: its certificate store is read by other programs, and
 * `--ignore-certificate-errors-spki-list` looks for keys among the certificates that a server sends, where the CA's own is not,
 * and then takes any host name. So Chromium takes all certificates, and what is TLS gets through here once a handshake of Node.js
 * with the same server has verified chain, host name and dates against the visit's CA alone.
 */
export class Tunnel implements AsyncDisposable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();
  readonly #failures = new Map<string, Failure>();
  readonly #verified = new Map<string, Promise<Failure | undefined>>();
  #ground: Ground = { resolve: {} };

  private constructor() {
    this.#server = createServer((client) => {
      this.#keep(client).on('error', () => client.destroy());
      this.#serve(client).catch(() => client.destroy());
    });
  }

  static async open(): Promise<Tunnel> {
    const tunnel = new Tunnel();
    tunnel.#server.listen(0, '127.0.0.1');
    await once(tunnel.#server, 'listening');
    return tunnel;
  }

  /** As Chromium's proxies are named. */
  get address(): string {
    return `socks5://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Leads to the hosts of a visit from now on. */
  lead(ground: Ground): void {
    this.#ground = ground;
  }

  /** Why there was no connection to a host in this visit. */
  failureOf(host: string): Failure | undefined {
    return this.#failures.get(host);
  }

  /**
   * Ends what is open, and leads nowhere until the next visit: a connection that was kept would tell that of the gateway as it
   * was before.
   */
  cut(): void {
    this.#ground = { resolve: {} };
    for (const socket of this.#open) socket.destroy();
    this.#failures.clear();
    this.#verified.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(client: Socket): Promise<void> {
    const { host, port } = await greeted(client);
    const place = placeOf(host, port, this.#ground.resolve);
    const failed = (failure: Failure): void => {
      this.#failures.set(host, failure);
      client.destroy();
    };
    if (!place) return failed({ outcome: 'dns', error: unknownHost(host) });
    const server = this.#keep(connectTcp({ host: place.address, port: place.port }));
    // Whatever comes before the client knows its connection.
    const connected = once(server, 'connect').catch((error: unknown) => failed(nodeFailure(error, 'connect')));
    await connected;
    if (client.destroyed) return void server.destroy();
    join(client, server);
    client.write(reply(socks.succeeded));
    const first = await firstOf(client);
    if (first[0] === tlsHandshake) {
      const key = `${host} ${place.address} ${place.port}`;
      const verifying = this.#verified.get(key) ?? this.#verify(host, place);
      this.#verified.set(key, verifying);
      const refusal = await verifying.catch((error: unknown) => nodeFailure(error, 'tls'));
      if (refusal) return failed(refusal);
      if (client.destroyed) return;
    }
    server.write(first);
    client.pipe(server);
    server.pipe(client);
  }

  /** @returns why a server is not trusted. @throws Error when there is no handshake with it */
  async #verify(host: string, place: Place): Promise<Failure | undefined> {
    const { ca } = this.#ground;
    const hello = { servername: host, ALPNProtocols: ['h2', 'http/1.1'], ...(ca && { ca }) };
    // Told below, in the words of the fixture server.
    const socket = connectTls({ host: place.address, port: place.port, ...hello, rejectUnauthorized: false });
    this.#keep(socket);
    try {
      await once(socket, 'secureConnect');
      if (socket.authorized) return undefined;
      const code = String(socket.authorizationError);
      const message = `certificate of ${host} does not verify: ${code}`;
      return { outcome: 'tls', error: { code, message, phase: 'tls' } };
    } finally {
      socket.destroy();
    }
  }

  #keep<S extends Socket>(socket: S): S {
    this.#open.add(socket);
    socket.on('close', () => this.#open.delete(socket));
    return socket;
  }
}

/** What ends on one side ends on the other, in the same way. */
function join(client: Socket, server: Socket): void {
  server.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code === 'ECONNRESET') client.resetAndDestroy();
    else client.destroy();
  });
  server.on('close', () => client.destroySoon());
  client.on('close', () => server.destroy());
}

/** @returns where the client wants to go */
async function greeted(client: Socket): Promise<{ host: string; port: number }> {
  const [, methods = 0] = await take(client, 2);
  await take(client, methods);
  client.write(Buffer.of(socks.version, socks.noAuthentication));
  const [, , , kind] = await take(client, 4);
  const length = kind === socks.name ? (await take(client, 1))[0] : kind === socks.ipv4 ? 4 : 16;
  const name = await take(client, length ?? 0);
  const port = (await take(client, 2)).readUInt16BE();
  return { host: kind === socks.name ? name.toString('latin1') : name.join('.'), port };
}

/** The address at its end is the proxy's own, which nobody asks for. */
const reply = (code: number): Buffer => Buffer.of(socks.version, code, 0, socks.ipv4, 0, 0, 0, 0, 0, 0);

async function take(socket: Socket, count: number): Promise<Buffer> {
  for (;;) {
    const found = socket.read(count) as Buffer | null;
    if (found) return found;
    await once(socket, 'readable');
  }
}

async function firstOf(socket: Socket): Promise<Buffer> {
  for (;;) {
    const found = socket.read() as Buffer | null;
    if (found) return found;
    await once(socket, 'readable');
  }
}
