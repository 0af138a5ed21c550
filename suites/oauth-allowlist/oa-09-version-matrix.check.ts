// Proves on which versions of Envoy a login works, by how its tokens are kept and found; and that where it does not, nobody gets in.
import { z } from 'zod';
import { check, type Seen } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { endedByItself, loggedIn } from '#verdict/expectations/visit.ts';
import type { Finding } from '#verdict/result.ts';
import { deniedByList } from './expect.ts';
import { anonymous, gateway, listed, loginUses, visit } from './homelab.ts';
import { bare, cells, documentsOfCell, type Cell } from './login-cells.ts';

/** Gateways, each with an Envoy of another version. */
const older = ['envoy-1-36', 'envoy-1-37', 'envoy-1-38', 'envoy-1-39'];
const unlisted = 'stranger@example.com';
const versions = z.record(z.string(), z.string());

export default check({
  id: 'OA-09',
  title: 'Cookie encryption by version matrix',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'cookies', 'versions'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: [...loginUses, ...older],
  applies: ['oauth-policy.yaml'],
  story: {
    setUp: `One application on gateways of five Envoy versions, under a host and a policy for each way of keeping tokens (encrypted or not) and of finding the ID token (in a cookie of a stated name, in one of the name that the gateway makes up, in a header that the login sets); and under one more host with the list alone, without a login.`,
    sends:
      'In each cell of that table, a login of the listed user and one of an unlisted user; then, with the cookies of an encrypted login, a visit of the host that has no login.',
    expects:
      'With a stated name, and with the header, the listed user gets in and the unlisted one is denied by the list, on every version. With a made-up name nobody gets in: 401, as the token is not found. Where nothing decrypts the cookies, they are no tokens: 401.',
    why: 'Which cookies hold what differs by version and setting, and a report says that one version broke it. A cell that does not work must be shut, not open.',
  },
  params: { gateways: [...older, gateway].join(' '), variant: 'none' },
  async collect(stage, { gateways, variant }) {
    // The gateway itself has no policy: an application that no cell is about answers everybody.
    const control = (name: string) => stage.call(name, anonymous(stage, { role: 'control' }));
    await stage.apply('shared');
    const all = [...cells, bare].flatMap((cell) => documentsOfCell(stage, cell, variant));
    await stage.applyObjects(all);
    await control('before');
    const running: Record<string, string> = {};
    for (const each of gateways.split(' ')) {
      const info = JSON.parse(await stage.adminPage(each, '/server_info')) as { version: string };
      running[each] = info.version.split('/')[1] ?? info.version;
      for (const { name, url } of cells) {
        await stage.visit(`${each} ${name} listed`, visit(listed, { gateway: each, url, jar: `${each}-${name}` }));
        await stage.visit(`${each} ${name} unlisted`, visit(unlisted, { gateway: each, url }));
      }
      await stage.visit(`${each} ${bare.name}`, visit(listed, { gateway: each, url: bare.url, jar: `${each}-${bare.after}` }));
    }
    await control('after');
    stage.record('versions', running);
  },
  judge: ({ params, probe, fact }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    ...(params['gateways'] ?? '').split(' ').flatMap((each) => [
      ...cells.map((cell) => judgeCell(each, cell, probe)),
      probe(`${each} ${bare.name}`, answered(401), loggedAt(each, 401, missingToken), notReceivedBy('app1')),
    ]),
    fact(
      'versions',
      factIs({
        expectation: 'versions-differ',
        kind: 'object',
        from: 'admin page of each Envoy',
        expected: 'another version on each gateway',
        shape: versions,
        met: (found) => new Set(Object.values(found)).size === Object.keys(found).length,
        seen: (found) => Object.values(found).join(', '),
      }),
    ),
  ],
  twins: [
    {
      name: 'made-up-names',
      sabotage: 'No policy states the names of its cookies, and all look for the token under the stated one.',
      breaks: 'status-200',
      params: { gateways: gateway, variant: 'made-up-names' },
    },
    {
      name: 'readable-cookies',
      sabotage: 'The cookies of every login are in clear, so that a rule which decrypts nothing takes them for tokens.',
      breaks: 'status-401',
      on: `${gateway} ${bare.name}`,
      only: true,
      params: { gateways: gateway, variant: 'readable' },
    },
  ],
});

const missingToken = 'jwt_authn_access_denied{Jwt_is_missing}';

/** What must come of both logins in one cell on one gateway. */
function judgeCell(each: string, { name, token }: Cell, probe: Seen['probe']): Finding[] {
  const [listedOne, unlistedOne] = [`${each} ${name} listed`, `${each} ${name} unlisted`];
  if (token === 'made-up-cookie')
    return [listedOne, unlistedOne].flatMap((one) =>
      probe(one, loggedIn, answered(401), loggedAt(each, 401, missingToken), notReceivedBy('app1')),
    );
  return [
    ...probe(listedOne, loggedIn, endedByItself, answered(200), loggedAt(each, 200), receivedBy('app1')),
    ...probe(unlistedOne, loggedIn, endedByItself, answered(403), deniedByList(each), notReceivedBy('app1')),
  ];
}
