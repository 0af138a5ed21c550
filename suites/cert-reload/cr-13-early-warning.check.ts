// Proves which of three warnings works for a lifetime of an hour: only the one that looks for a new serial.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { supervisorExpirySeconds, supervisorPath } from '#witness/certificates/supervisor.ts';
import { certificates, loadParts } from './course.ts';
import { alarmedInTime, dayGaugeUseless, neverAlarmed } from './expect/alarms.ts';
import { ofFirstLifetimes } from './expect/ask.ts';

const late = ['catalogue-stale', 'shipping'];
const uses = ['issuer', 'handshaker', 'catalogue', 'built-in-server', ...late];

export default check({
  id: 'CR-13',
  title: 'Early warning that works at one hour',
  level: 'core',
  system: 'cert-reload',
  tags: ['certificates', 'monitoring'],
  needs: ['istio', 'sidecar'],
  channels: ['current'],
  scene: 'sock-shop',
  uses,
  parts: loadParts,
  story: {
    setUp: 'Issuers that renew in time, too late, and not at all; a server of the built-in CA beside them.',
    sends:
      "Nothing: Envoy's days-until-expiry gauge, the expiry gauge of pilot-agent, and the serial that a fresh handshake is served.",
    expects:
      'The gauge of days never moves. The gauge of pilot-agent covers the built-in CA and not the outside issuer. The serial alarms with a sixth of the lifetime left for the late and the stale issuer, and never for the healthy one.',
    why: 'At an hour, day-grained gauges are silent until the outage; an alarm that comes after expiry is none.',
  },
  params: { alarmAt: '5/6' },
  async collect(stage) {
    await stage.course(certificates, uses);
    const gauge = async (workload: string) =>
      supervisorExpirySeconds(await stage.adminPage(workload, supervisorPath, 15_020));
    stage.record('supervisor', { outside: await gauge('catalogue'), builtIn: await gauge('built-in-server') });
  },
  judge: ({ fact, params: { alarmAt } }) => [
    ...late.map((workload) =>
      fact('course', ofFirstLifetimes(1.35, alarmedInTime(workload, 'serial', shareOf(alarmAt)))),
    ),
    fact('course', neverAlarmed('catalogue')),
    fact('course', dayGaugeUseless('catalogue-stale')),
    fact('supervisor', coversBuiltInOnly),
  ],
  twins: [
    {
      name: 'alarm-after-expiry',
      sabotage: 'The alarm waits until a sixth of the lifetime after expiry: that counts as missing.',
      breaks: 'alarm-in-time',
      params: { alarmAt: '7/6' },
    },
  ],
});

function shareOf(text: string): number {
  const [over = 5, under = 6] = text.split('/').map(Number);
  return over / under;
}

const coversBuiltInOnly = factIs({
  expectation: 'supervisor-gauge',
  kind: 'counter',
  from: 'pilot-agent',
  expected: 'seconds until expiry for the built-in CA, nothing for an outside issuer',
  shape: z.object({ outside: z.record(z.string(), z.number()), builtIn: z.record(z.string(), z.number()) }),
  met: ({ outside, builtIn }) => outside['default'] === undefined && builtIn['default'] !== undefined,
});
