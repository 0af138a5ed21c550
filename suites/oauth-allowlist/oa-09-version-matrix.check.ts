// Proves on which versions of Envoy a login works, by how its tokens are kept and found; and that where it does not, nobody gets in.
import { z } from 'zod';
import { check, type Seen } from '#verdict/check.ts';
import { notReceivedBy, receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { endedByItself, loggedIn } from '#verdict/expectations/visit.ts';
import type { Finding } from '#verdict/result.ts';
import { accepted, deniedByList } from './expect.ts';
import { anonymous, gateway, listed, loginUses, policyStatus, visit } from './homelab.ts';
import { bare, cells, documentsOfCell, type Cell, type Variant } from './login-cells.ts';
import { whileRefused } from './refusing-proxies.ts';

/** Gateways, each with an Envoy of another version; the first two refuse what this controller makes of a login. */
const refusing = ['envoy-1-36', 'envoy-1-37'];
const able = ['envoy-1-38', 'envoy-1-39', gateway];
const old = 'https://old.homelab.test/';
const unlisted = 'stranger@example.com';
const versions = z.record(z.string(), z.string());
const counts = z.record(z.string(), z.number());

export default check({
  id: 'OA-09',
  title: 'Cookie encryption by version matrix',
  level: 'core',
  system: 'oauth-allowlist',
  tags: ['login', 'cookies', 'versions'],
  needs: ['envoy-gateway', 'load-balancer', 'scripted-provider'],
  scene: 'homelab',
  uses: [...new Set([...loginUses, ...refusing, ...able])],
  applies: ['oauth-policy.yaml'],
  label: 'works on Envoy 1.38 to 1.40; 1.36 and 1.37 refuse an accepted policy, and stay open',
  story: {
    setUp:
      'One application on gateways of Envoy 1.38, 1.39 and 1.40, under a host and a policy for each way of keeping tokens (encrypted or not) and of finding the ID token (in a cookie of a stated name, in one of the name that the gateway makes up, in a header that the login sets); and under one more host with the list alone, without a login. The same application, open, on gateways of Envoy 1.36 and 1.37, to which the working policy comes.',
    sends:
      'In each cell of that table, a login of the listed user and one of an unlisted user; then, with the cookies of an encrypted login, a visit of the host that has no login. On the two others, an anonymous request before the policy and after.',
    expects:
      'With a stated name, and with the header from 1.39 on, the listed user gets in and the unlisted one is denied by the list. With a made-up name, and with the header on 1.38, which does not know it, nobody gets in: 401, as the token is not found. Where nothing decrypts the cookies, they are no tokens: 401. Envoy 1.36 and 1.37 refuse the update, whatever the status of the policy says, and go on as before: open. That is no state to be in, and known by their counters.',
    why: 'Which cookies hold what differs by version and setting, and a report says that one version broke it. A cell that does not work must be shut, not open.',
  },
  params: { gateways: able.join(' '), variant: 'none' },
  async collect(stage, { gateways, variant }) {
    // The gateway itself has no policy: an application that no cell is about answers everybody.
    const control = (name: string) => stage.call(name, anonymous(stage, { role: 'control' }));
    await stage.apply('shared');
    const all = [...cells, bare].flatMap((cell) => documentsOfCell(stage, cell, variant as Variant));
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
      await stage.visit(
        `${each} ${bare.name}`,
        visit(listed, { gateway: each, url: bare.url, jar: `${each}-${bare.after}` }),
      );
    }
    await stage.apply('old');
    for (const each of refusing) await stage.call(`${each} before`, anonymous(stage, { via: each, url: old }));
    const refused = await whileRefused(stage, refusing, stage.documents('old-policy'), async () => {
      stage.record('status', await policyStatus(stage));
      for (const each of refusing) await stage.call(`${each} after`, anonymous(stage, { via: each, url: old }));
    });
    stage.record('refused', refused);
    await control('after');
    stage.record('versions', running);
  },
  judge: ({ params, probe, fact }) => [
    ...['before', 'after'].map((name) => probe(name, answered(200), receivedBy('app1'))),
    ...(params['gateways'] ?? '')
      .split(' ')
      .flatMap((each) => [
        ...cells.map((cell) => judgeCell(each, cell, probe)),
        probe(`${each} ${bare.name}`, answered(401), loggedAt(each, 401, noToken), notReceivedBy('app1')),
      ]),
    ...refusing.flatMap((each) => probe(`${each} before`, answered(200), loggedAt(each, 200), receivedBy('app1'))),
    ...refusing.flatMap((each) => probe(`${each} after`, answered(200), loggedAt(each, 200), receivedBy('app1'))),
    fact('status', accepted),
    fact(
      'refused',
      factIs({
        expectation: 'refused-by-proxy',
        kind: 'counter',
        from: 'proxies of 1.36 and 1.37',
        expected: 'updates refused on both',
        shape: counts,
        met: (found) => refusing.every((each) => (found[each] ?? 0) > 0),
      }),
    ),
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

/** What Envoy says to an encrypted cookie in the place of a token. */
const noToken =
  'jwt_authn_access_denied{Jwt_is_not_in_the_form_of_Header.Payload.Signature_with_two_dots_and_3_sections}';
const missingToken = 'jwt_authn_access_denied{Jwt_is_missing}';

/** What must come of both logins in one cell on one gateway. */
function judgeCell(each: string, { name, token }: Cell, probe: Seen['probe']): Finding[] {
  const [listedOne, unlistedOne] = [`${each} ${name} listed`, `${each} ${name} unlisted`];
  const unknownThere = token === 'header' && each === 'envoy-1-38';
  if (token === 'made-up-cookie' || unknownThere)
    return [listedOne, unlistedOne].flatMap((one) =>
      probe(one, loggedIn, answered(401), loggedAt(each, 401, missingToken), notReceivedBy('app1')),
    );
  return [
    ...probe(listedOne, loggedIn, endedByItself, answered(200), loggedAt(each, 200), receivedBy('app1')),
    ...probe(unlistedOne, loggedIn, endedByItself, answered(403), deniedByList(each), notReceivedBy('app1')),
  ];
}
