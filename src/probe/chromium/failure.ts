import type { ClientOutcome } from '#support/evidence.ts';

type ToldError = NonNullable<ClientOutcome['error']>;

/** Why a request got no whole answer, in the words of any other caller's outcome. */
export interface Failure {
  outcome: Exclude<ClientOutcome['outcome'], 'response'>;
  error: ToldError;
}

/** Codes of Node.js, and of Chromium without `net::`. The first that fits. */
const known: [codes: RegExp, outcome: Failure['outcome'], phase: ToldError['phase']][] = [
  [/^ECONNREFUSED$|CONNECTION_REFUSED$/, 'refused', 'connect'],
  [/^ECONN(?:RESET|ABORTED)$|CONNECTION_(?:RESET|ABORTED)$/, 'reset', 'request'],
  [/^E(?:HOST|NET)(?:UNREACH|DOWN)$|^E(?:ADDRNOTAVAIL|INVAL|ACCES|PERM)$|UNREACHABLE$/, 'unreachable', 'connect'],
  [/TIMED_?OUT$/, 'timeout', 'connect'],
  [/NAME_NOT_RESOLVED$/, 'dns', 'dns'],
  [/^ERR_(?:BAD_)?(?:SSL|TLS)_|CERT|^EPROTO$|^UNABLE_TO_|_IN_CHAIN$|^HOSTNAME_MISMATCH$/, 'tls', 'tls'],
];

/** Of an error of Node.js. @param phase what was being done */
export function nodeFailure(error: unknown, phase: 'connect' | 'tls'): Failure {
  const { code = 'UNKNOWN', errno, message } = error as NodeJS.ErrnoException;
  // Without a system call behind it this is no reset: Node.js calls an end that came too early so, too.
  const found = code === 'ECONNRESET' && errno === undefined ? 'EOF' : code;
  const [, outcome] = known.find(([codes]) => codes.test(found)) ?? [];
  return { outcome: outcome ?? 'closed', error: { code: found, message: message.split('\n', 1)[0] ?? '', phase } };
}

/** @param text `net::ERR_CONNECTION_RESET` */
export function netFailure(text: string): Failure {
  const code = text.replace(/^net::/, '');
  const [, outcome, phase] = known.find(([codes]) => codes.test(code)) ?? [];
  return { outcome: outcome ?? 'closed', error: { code, message: text, phase: phase ?? 'request' } };
}

/** @param reason in the words of CDP: `ConnectionReset`, or `Failed` for all that it has no word for */
export const reasonFailure = (reason: string): Failure =>
  netFailure(`net::ERR_${reason.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}`);

/** As a hop tells it: `ECONNREFUSED in phase connect: …`. */
export const failureText = ({ error: { code, phase, message } }: Failure): string =>
  `${code} in phase ${phase}: ${message}`;
