// Proves that what an open application of the same domain sees of a login is nothing that it could read.
import { z } from 'zod';
import { check } from '#verdict/check.ts';
import { receivedBy } from '#verdict/expectations/backend.ts';
import { answered } from '#verdict/expectations/client.ts';
import { factIs } from '#verdict/expectations/fact.ts';
import { loggedAt } from '#verdict/expectations/proxy-log.ts';
import { listed, loginUses, visit } from './homelab.ts';

const open = 'envoy-external';
const url = 'https://pages.homelab.test/';

export default check({
  id: 'OA-13',
  title: 'Cookies sent where they are not needed',
  level: 'extended',
  system: 'oauth-allowlist',
  tags: ['cookies', 'exposure'],
  needs: ['envoy-gateway', 'load-balancer'],
  scene: 'homelab',
  uses: [...loginUses, open, 'pages'],
  applies: ['oauth-policy.yaml'],
  label: 'exposed, but encrypted',
  story: {
    setUp:
      'The working policy, whose cookies belong to the parent domain, and an application of that domain on an open gateway.',
    sends: 'A browser logs in at the first, and goes on to the open one.',
    expects:
      'The open application receives the cookies of the login, which is reported as exposure; none of them is a token that can be read.',
    why: 'Cookies of a parent domain go to every application under it. In clear, each of them could act as the user.',
  },
  async collect(stage) {
    await stage.apply('policy');
    await stage.visit('login', visit(listed, { jar: 'one' }));
    const hosts = { 'pages.homelab.test': open };
    const { body } = await stage.visit('open', visit(undefined, { jar: 'one', url, hosts, to: 'pages' }));
    stage.record('cookies-there', cookiesIn(body));
  },
  judge: ({ probe, fact }) => [
    probe('login', answered(200), receivedBy('app1')),
    probe('open', answered(200), loggedAt(open, 200), receivedBy('pages')),
    fact(
      'cookies-there',
      factIs({
        expectation: 'tokens-unreadable',
        kind: 'receipt',
        from: 'pages',
        expected: 'cookies of the login, none of them a token in clear',
        shape: z.array(cookie),
        met: (cookies) =>
          cookies.some(({ name }) => name === 'id-token-a') && !cookies.some(({ readable }) => readable),
        seen: (cookies) =>
          cookies.map(({ name, readable }) => `${name}${readable ? ' in clear' : ''}`).join(', ') || 'no cookie',
      }),
    ),
  ],
  twins: [
    {
      name: 'not-encrypted',
      sabotage: 'The policy says that cookies are not encrypted.',
      breaks: 'tokens-unreadable',
    },
  ],
});

const cookie = z.object({ name: z.string(), readable: z.boolean() });

/** Cookies that an echo says it received; readable is what is a JWT as it stands. */
function cookiesIn(body = ''): z.infer<typeof cookie>[] {
  const { headers } = z.object({ headers: z.record(z.string(), z.string()) }).parse(JSON.parse(body));
  const pairs = (headers['cookie'] ?? '').split(/;\s*/).filter((each) => each !== '');
  return pairs.map((each) => {
    const [name = '', value = ''] = each.split(/=(.*)/s);
    return { name, readable: /^"?eyJ/.test(value) };
  });
}
