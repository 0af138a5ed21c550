import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx/core';
import { makeAuthority } from '#fixtures/server/testing/certificates.ts';
import { fixtureImage } from '#fixtures/server/testing/container.ts';
import { networkName } from '#lab/engine-objects.ts';
import { ownerLabel } from '#support/paths.ts';
import { timeouts } from '#support/timeouts.ts';
import { until } from '#support/wait.ts';

/** A provider that the lab knows nothing of, and how it is told of it. */
export interface OutsideProvider extends AsyncDisposable {
  args: string[];
  env: Record<string, string>;
}

const host = 'idp.outside.test';
const docker = $({ quiet: true });

/** Starts one beside the nodes of a lab, with a CA, a client and accounts of its own. It ends with the scope of whoever asked. */
export async function outsideProvider(lab: string): Promise<OutsideProvider> {
  const folder = await mkdtemp(join(tmpdir(), 'mw-idp-'));
  const [authority, image] = await Promise.all([makeAuthority('outside CA'), fixtureImage()]);
  const { cert, key } = await authority.issue(host, [{ type: 'dns', value: host }]);
  const files = { 'ca.pem': authority.cert, 'tls.crt': cert, 'tls.key': key };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  // The image runs as a user who is nobody here.
  await chmod(folder, 0o755);
  const name = `mw-idp-${process.pid}`;
  const network = networkName(lab);
  const own = ['--name', name, '--label', `${ownerLabel}=logins-test`, '--network', network, '--read-only'];
  const secret = 'secret-of-another-client';
  const client = ['--client', 'another', '--secret', secret];
  const redirects = 'https://oauth-app1.homelab.test/oauth2/callback';
  const flags = ['--issuer', `https://${host}:8443`, ...client, '--redirects', redirects, '--tls', '/etc/idp-tls'];
  const remove = async () => {
    await docker`docker rm --force ${name}`;
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await docker`docker run --detach ${own} --volume ${folder}:/etc/idp-tls:ro ${image} idp ${flags}`;
    const ready = async () => {
      const { stdout } = await docker`docker logs ${name}`;
      return stdout.includes('"event":"ready"') ? { done: true } : { seen: stdout };
    };
    await until('the provider to be ready', ready, { timeoutMs: timeouts.requestMs });
    const format = `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`;
    const address = (await docker`docker inspect --format ${format} ${name}`).stdout.trim();
    return {
      args: ['--idp', `https://${host}:8443`, '--idp-ca', join(folder, 'ca.pem'), '--idp-address', address],
      env: {
        MESHWITNESS_IDP_CLIENT_ID: 'another',
        MESHWITNESS_IDP_CLIENT_SECRET: secret,
        MESHWITNESS_IDP_USER: 'alice@outside.test',
        MESHWITNESS_IDP_OTHER_USER: 'bob@outside.test',
      },
      [Symbol.asyncDispose]: remove,
    };
  } catch (error) {
    await remove();
    throw error;
  }
}
