import type { CourseScript } from '#verdict/course/script.ts';

/** Images that the course runs; every check that lives through it lists them, as any may be the first. */
export const loadParts = ['k6-image'] as const;

/** To one server, from one sender: over connections that the sender's proxy keeps, and over a fresh one for each request. */
const streamsTo = (server: string, namespace = '') =>
  Object.fromEntries(
    [
      { name: `${server}-kept`, host: server, rate: 20 },
      { name: `${server}-fresh`, host: `${server}-fresh`, rate: 5 },
    ].map(({ name, host, rate }) => [
      name,
      {
        url: `http://${host}.${namespace}.svc.cluster.local/`,
        rate,
        warmUpMs: 3_000,
        // Dozens of proxies may share two cores: an answer that is late is told as slow, and is not lost.
        timeoutMs: 8_000,
        stallMs: 3_000,
        ledgers: [server],
      },
    ]),
  );

/** Workloads that front-end calls, each with an issuer of its own kind. */
const called = [
  'catalogue',
  'catalogue-stale',
  'catalogue-stale-older-envoy',
  'catalogue-restarted',
  'carts',
  'orders',
  'payment',
  'shipping',
  'user',
  'user-older-envoy',
  'queue-master',
];

/**
 * The one course of the suite. Times are in lifetimes, so that its shape stays when the lifetime changes; ten hours of the
 * customer's outage are told by the first minute after expiry.
 *
 * Renewal is due at 0.45, the alarm at 5/6, expiry at 1.
 */
export const certificates: CourseScript = {
  name: 'certificates',
  lifetimeSeconds: 60,
  lifetimes: 2.85,
  issuer: 'issuer',
  handshaker: 'handshaker',
  external: [
    'front-end',
    'front-end-stale',
    ...called,
    'front-end-pinned',
    'rotated-client',
    'rotated-server',
    'cut-off-client',
    'cut-off-server',
  ],
  builtIn: ['built-in-client', 'built-in-server', 'built-in-refused'],
  groups: {
    'rotated-client': 'rotated',
    'rotated-server': 'rotated',
    'cut-off-client': 'cut-off',
    'cut-off-server': 'cut-off',
  },
  calls: [
    ...called.map((to) => ({ from: 'front-end', to })),
    { from: 'front-end-pinned', to: 'catalogue' },
    { from: 'front-end-pinned', to: 'queue-master' },
    { from: 'front-end-stale', to: 'catalogue' },
    { from: 'front-end-stale', to: 'catalogue-stale' },
    { from: 'rotated-client', to: 'rotated-server' },
    { from: 'cut-off-client', to: 'cut-off-server' },
    { from: 'built-in-client', to: 'built-in-server' },
    { from: 'built-in-client', to: 'built-in-refused' },
  ],
  loads: [
    {
      needs: ['issuer', 'catalogue', 'catalogue-restarted'],
      identity: 'load',
      plan: ({ namespace }) => ({
        home: 'namespace',
        account: 'load',
        manifest: 'sock-shop/load.yaml',
        streams: { ...streamsTo('catalogue', namespace), ...streamsTo('catalogue-restarted', namespace) },
      }),
    },
    {
      needs: ['built-in-client', 'built-in-server'],
      plan: ({ namespace }) => ({
        home: 'namespace',
        account: 'built-in-client',
        streams: streamsTo('built-in-server', namespace),
      }),
    },
  ],
  steps: [
    { at: 0, workload: 'front-end-stale', act: { mode: 'stale-repush' } },
    { at: 0, workload: 'catalogue-stale', act: { mode: 'stale-repush' } },
    { at: 0, workload: 'catalogue-stale-older-envoy', act: { mode: 'stale-repush' } },
    { at: 0, workload: 'carts', act: { mode: 'silent' } },
    { at: 0, workload: 'shipping', act: { mode: 'late' } },
    { at: 0, workload: 'built-in-refused', act: { refuse: true } },
    { at: 0.1, workload: 'user', act: { mode: 'bad-pair' } },
    { at: 0.1, workload: 'user-older-envoy', act: { mode: 'bad-pair' } },
    { at: 0.1, workload: 'queue-master', act: { mode: 'wrong-id' } },
    { at: 0.1, workload: 'catalogue-restarted', act: { mode: 'root-only' } },
    { at: 0.55, workload: 'catalogue-restarted', act: { mode: 'healthy' } },
    // Away over one renewal, and back in time; away for longer than what is left, and back after expiry.
    // Envoy waits up to half a minute between attempts when the issuer is away for long: seven seconds keep that short.
    { at: 0.43, workload: 'orders', act: { mode: 'drop' } },
    { at: 0.55, workload: 'orders', act: { mode: 'healthy' } },
    { at: 0.3, workload: 'payment', act: { mode: 'drop' } },
    { at: 1.5, workload: 'payment', act: { mode: 'healthy' } },
    // A new root is trusted, then signs, and only then the old one goes; and the wrong order.
    { at: 0.3, workload: 'rotated-server', act: { trust: 'add-root', group: 'rotated' } },
    { at: 0.7, workload: 'rotated-server', act: { trust: 'sign-with-new', group: 'rotated' } },
    { at: 1.4, workload: 'rotated-server', act: { trust: 'drop-old', group: 'rotated' } },
    { at: 0.3, workload: 'cut-off-server', act: { trust: 'add-root', group: 'cut-off' } },
    { at: 0.35, workload: 'cut-off-server', act: { trust: 'drop-old', group: 'cut-off' } },
    // Each stream ends after one reply.
    { at: 1.3, workload: 'user', act: { mode: 'once' } },
    // What operators reach for, long after expiry.
    { at: 1.25, workload: 'catalogue-stale', act: { restart: true } },
    { at: 1.25, workload: 'catalogue-restarted', act: { restart: true } },
  ],
};

/** By how much the clock of a soak's issuer jumps ahead, in lifetimes: what it signs from then on is good for that much longer. */
export const clockStep = 0.5;
/** How long before its end a soak's issuer begins to repeat its old pair, in lifetimes: until the alarm, and a little longer. */
export const stopsBeforeEnd = 1 + clockStep + 0.2;

/** Few workloads over any number of lifetimes, with a node that sleeps through an expiry and a clock that jumps. */
export const soak = (lifetimes: number): CourseScript => ({
  ...certificates,
  name: `soak of ${lifetimes}`,
  lifetimes,
  external: ['front-end', 'catalogue', 'catalogue-stale'],
  builtIn: [],
  calls: [
    { from: 'front-end', to: 'catalogue' },
    { from: 'front-end', to: 'catalogue-stale' },
  ],
  loads: [],
  steps: [
    { at: 0.3, workload: 'issuer', act: { suspend: 0.85 } },
    { at: 1.75, workload: 'issuer', act: { clock: clockStep } },
    { at: lifetimes - stopsBeforeEnd, workload: 'catalogue-stale', act: { mode: 'stale-repush' } },
  ],
});
