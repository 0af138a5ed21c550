// Proves that renewal goes on over many lifetimes, through a suspended node and a stepped clock, without a restart.
import { check } from '#verdict/check.ts';
import { clockStep, soak, stopsBeforeEnd } from './course.ts';
import { foundInItsLifetime, neverAlarmed } from './expect/alarms.ts';
import { recovered } from './expect/calls.ts';
import { serialsSeen } from './expect/certificates.ts';

const uses = ['issuer', 'handshaker', 'front-end', 'catalogue', 'catalogue-stale'];
/** Seconds after the node's return in which calls may fail: what was due meanwhile is renewed, and endpoints come back. */
const recoverySeconds = 30;
/** Lifetimes after which the suspension and its recovery are over. */
const steady = 1.7;

export default check({
  id: 'CR-19',
  title: 'Long soak and clock trouble',
  level: 'extended',
  system: 'cert-reload',
  tags: ['certificates', 'soak'],
  needs: ['istio', 'sidecar', 'lab-node'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  alone: true,
  story: {
    setUp:
      'Healthy issuers; the node is suspended until every certificate has expired, and resumed; later the clock of the issuer is stepped forward; near the end one issuer begins to repeat its old pair. Length by --soak LIFETIMES: 12 or more make a night run.',
    sends: 'A call a second and a handshake every four seconds, all the time.',
    expects:
      'After the return of the node calls are answered within half a minute without a restart; from then on every renewal comes in time, the stepped clock included; the issuer that stops is found before the last certificate that it signed, by its clock, has ended.',
    why: 'Timers that were due while a machine slept, and clocks that jump, are where renewals get lost.',
  },
  params: { lifetimes: '3.6', server: 'catalogue' },
  async collect(stage, { lifetimes }) {
    await stage.course(soak(Number(lifetimes)), uses);
  },
  judge: ({ fact, params: { lifetimes, server } }) => [
    fact('course', recovered('front-end', server, recoverySeconds)),
    fact('course', neverAlarmed('front-end', steady)),
    fact('course', neverAlarmed(server, steady)),
    fact('course', serialsSeen('catalogue', 'handshake', 4)),
    fact('course', serialsSeen('catalogue', 'issuer', 4)),
    fact('course', foundInItsLifetime('catalogue-stale', Number(lifetimes) - stopsBeforeEnd, 1 + clockStep)),
  ],
  twins: [
    {
      name: 'stale-near-the-end',
      sabotage: 'The issuer of the server repeats its old pair in the last lifetime.',
      breaks: 'no-alarm',
      params: { server: 'catalogue-stale' },
    },
  ],
});
