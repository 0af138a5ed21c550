import type { Story } from '#diagnose/story.ts';

/** Where a proxy stands, for a command that can be typed. */
export interface Place {
  /** How kubectl reaches the cluster: `--context staging`; empty for what was recorded elsewhere. */
  kubectl: string;
  /** How we do: `--name solo`. */
  ours: string;
  namespace: string;
  workload: string;
  pod: string;
}

const socket = '/var/run/secrets/workload-spiffe-uds';

/** What to do about a story, and the command to type for it. The commands only read. */
export function nextStep(story: Story, place: Place): { advice: string; command: string } | undefined {
  const { namespace, workload, pod } = place;
  const kubectl = words('kubectl', place.kubectl, '-n', namespace);
  const agent = `${kubectl} exec ${pod} -c istio-proxy --`;
  const steps: Record<Story, { advice: string; command: string } | undefined> = {
    rotating: undefined,
    undecided: {
      advice: 'Ask again after that time, or watch over the renewal when one is near (--watch)',
      command: words('./meshwitness diagnose certs', place.ours, '--namespace', namespace),
    },
    'not-renewed': {
      advice: 'Watch for longer than the issuer takes to repeat itself',
      command: words(watch(place), '--workload', workload),
    },
    'stale-repush': {
      advice:
        'The fault is with the issuer: look in its log for a serial signed since. A restart hides it for one lifetime',
      command: `${agent} pilot-agent request GET certs`,
    },
    'issuer-silent': {
      advice: "The fault is with the issuer, or with the agent that asks it: see the issuer's log, then the agent's",
      command: `${kubectl} logs ${pod} -c istio-proxy --tail 200`,
    },
    'stream-lost': {
      advice:
        "Is the socket there, and does anybody listen? With Istio's own CA, the agent's log says why it closes the stream",
      command: `${agent} ls -li ${socket}`,
    },
    'stream-recovered': {
      advice: 'Find out why the issuer was away',
      command: `${agent} pilot-agent request GET stats?filter=sds`,
    },
    'rejected-update': {
      advice: 'The issuer sends what Envoy cannot use: the reason is in the log of the proxy',
      command: `${kubectl} logs ${pod} -c istio-proxy --tail 2000 | grep -i reject`,
    },
    'late-renewal': {
      advice: 'Have the issuer renew earlier, at half of the lifetime',
      command: `${agent} pilot-agent request GET certs`,
    },
    'identity-mismatch': {
      advice: "The issuer's registration of this workload names another identity",
      command: `${kubectl} get pod ${pod} -o jsonpath={.spec.serviceAccountName}`,
    },
    'trust-change': {
      advice: 'Every root that still signs leaves must be in the bundle of every proxy',
      command: `${agent} pilot-agent request GET config_dump?resource=dynamic_active_secrets`,
    },
    'cannot-reload': {
      advice: 'Feed the certificate by SDS; until then, restart before it ends',
      command: `${agent} pilot-agent request GET config_dump`,
    },
  };
  return steps[story];
}

/** Watches a namespace over a renewal that comes within ten minutes. */
const watch = ({ ours, namespace }: Place): string =>
  words('./meshwitness diagnose certs', ours, '--namespace', namespace, '--watch 600');

const words = (...all: string[]): string => all.filter((each) => each !== '').join(' ');
