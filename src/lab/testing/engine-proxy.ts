import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** The machine's engine behind a socket of our own, which can go away as if the engine had been killed. */
export async function throughProxy(socket: string) {
  const open = new Set<Socket>();
  // A client that runs something in a container ends its own half first, and reads on.
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const engine = connect({ path: '/var/run/docker.sock', allowHalfOpen: true });
    for (const [one, other] of [
      [client, engine],
      [engine, client],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy()).on('close', () => open.delete(one));
      one.pipe(other);
    }
  });
  server.listen(socket);
  await once(server, 'listening');
  const goAway = async () => {
    const closed = once(server, 'close');
    server.close();
    for (const each of open) each.destroy();
    await closed;
  };
  return {
    socket,
    used: () => open.size > 0,
    goAway,
    [Symbol.asyncDispose]: async () => (server.listening ? goAway() : undefined),
  };
}
