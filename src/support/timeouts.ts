/** Every deadline of the harness, in milliseconds, with the reason for its size. Nothing else names one. */
export const timeouts = {
  /** dockerd answers within a second when healthy; a first start formats its storage. */
  engineStartMs: 30_000,
  /** kind's own figure for control-plane readiness is 20 s here; four times that on a loaded machine. */
  clusterReadyMs: 120_000,
  /** istiod becomes ready 7 to 10 s after install when its image is preloaded. */
  controlPlaneReadyMs: 120_000,
  /** An injected pod is ready in 12 to 15 s; three scenes with 35 of them, beside 65 that run, took 200 s on two cores. */
  workloadReadyMs: 480_000,
  /** istiod pushes a policy in well under a second; a busy one debounces up to 10 s. */
  convergenceMs: 30_000,
  /** metrics-server has something to say once it has asked the kubelet twice, 15 s apart; four times that when loaded. */
  resourceMetricsMs: 120_000,
  /** MetalLB's controller and speaker answer within seconds of their start; ten times that on a loaded machine. */
  loadBalancerMs: 60_000,
  /** The API server serves new definitions a second or two after it took them; two dozen at once, on a loaded machine. */
  definitionsServedMs: 60_000,
  /** A Gateway is Programmed 11 s after it was made, its proxy's pod included; ten times that on a loaded machine. */
  gatewayProgrammedMs: 120_000,
  /** A single probe from inside the lab: loopback or one bridge away. */
  probeMs: 10_000,
  /** A whole login is a dozen requests, one of them to a provider that hashes; each a few milliseconds. */
  visitMs: 20_000,
  /** An access-log line is flushed within 1 s by Envoy's slowest setting, then read through the API server. */
  accessLogMs: 8_000,
  /** The last call to each proxy, which proves that its log is complete: refused or answered at once. */
  fenceMs: 2_000,
  /** A counter moves with the end of a connection, a few milliseconds after its client knew. */
  counterMs: 300,
  /** Between two looks at a proxy that is about to change: istiod pushes 100 to 200 ms after a change. */
  settlePollMs: 40,
  /** One request to the API server or to a forwarded port. */
  requestMs: 15_000,
  /** How long a check waits for an API server that went away: longer than the 20 s outage it must survive. */
  apiServerOutageMs: 60_000,
  /** A call of a course: a healthy one takes milliseconds, a refused one half a second; what a loaded machine delays is no failure. */
  courseCallMs: 5_000,
  /** Every proxy has a certificate pushed a moment ago, restarted pods included. */
  courseReadyMs: 60_000,
  /** One look of a course at every source: they answer within a second, or their node is suspended. */
  courseLookMs: 8_000,
  /** Between two rounds of calls of a course: what it tells is told to the second. */
  courseCallEveryMs: 1_000,
  /** A handshake with a pod by its own address: from where it can be reached at all, it is one hop away. */
  handshakeMs: 2_000,
  /** Between two looks at the steps of a course. */
  courseStepEveryMs: 200,
  /** k6 readies its clients within a second or two; its pod may have to wait for a sidecar and for a busy node. */
  loadStartMs: 90_000,
  /** What k6 needs beyond the length of a load: requests on their way, its summary, the log's way through the API server. */
  loadEndMs: 45_000,
  /** An autoscaler looks every 15 s at metrics that are taken every 15 s, and wants two of a pod that is new. */
  autoscalerMs: 180_000,
  /** Between two looks at objects of the API server. */
  objectPollMs: 300,
  /** A dump reads five admin pages of each proxy of a scene. */
  dumpMs: 60_000,
  /** Minutes of a busy proxy's access log are tens of megabytes, which the API server hands out at several a second. */
  logReadMs: 60_000,
  /** Prometheus scrapes every second here, and takes a new target up within five. */
  scrapesMs: 20_000,
  /** Removing a cluster kills its node container. */
  tearDownMs: 60_000,
  /** Another run may be compiling the part we need; the longest takes 4 min on two cores, loaded ones several times that. */
  partLockMs: 3_600_000,
  /** A run that was killed leaves its lock; proper-lockfile refreshes a living one every half of this. */
  lockStaleMs: 10_000,
  /** Between two looks at another run's lock. */
  lockPollMs: 500,
  /** A registry that can be had names the image within a second or two; one that cannot must not hold the build up. */
  registryAnswerMs: 8_000,
  /** containerd in a node under construction opens its socket in under 2 s. */
  containerdStartMs: 30_000,
  /** Between two looks at a condition that has no watch. */
  pollMs: 100,
} as const;
