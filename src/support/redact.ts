import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What was hidden; it stands in the mark, so that a reader knows what was there. */
export type SecretKind = 'private-key' | 'jwt' | 'cookie' | 'password' | 'bearer' | 'basic' | 'token' | 'secret-bytes';

/**
 * The mark that stands for a secret: `[redacted:cookie:1a2b3c4d]`. The eight hex digits are the start of the SHA-256 of
 * the value, so that two marks can still be compared.
 */
export function redacted(kind: SecretKind, value: string): string {
  if (value === '' || wholeMark.test(value)) return value;
  return `[redacted:${kind}:${createHash('sha256').update(value).digest('hex').slice(0, 8)}]`;
}

const wholeMark = /^\[redacted:[a-z-]+:[0-9a-f]{8}\]$/;
const notMark = String.raw`(?!\[redacted:)`;
const quote = String.raw`(?:\\*["'])?`;

const passwordNames =
  'pass(?:word|wd|phrase)|pwd|client[_-]?secret|secret[_-]?(?:access[_-]?)?key|api[_-]?key|hmac[_-]?secret|token[_-]?secret';
const tokenNames = '(?:access|refresh|id|session|auth)[_-]?token|code[_-]?verifier';

const pem = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----(?:(?:[^-]|-(?!----))*-----END \1-----|[A-Za-z0-9+/=\s\\]*)/g;
const base64Pem = /LS0tLS1CRUdJTi[A-Za-z0-9+/]+=*/g;
const jwt = /\beyJ[\w-]{5,}(?:\.[\w-]*){2,4}/g;
const authorization = new RegExp(
  String.raw`(\b(?:proxy-)?authorization${quote}\s*[:=]\s*${quote}\s*)(Bearer|Basic|Digest|Negotiate)(\s+)${notMark}([^\s"'\\,;]+)`,
  'gi',
);
const bearer = new RegExp(String.raw`(\bBearer\s+)${notMark}([A-Za-z0-9._~+/-]{8,}=*)`, 'gi');
const basic = new RegExp(String.raw`(\bBasic\s+)${notMark}([A-Za-z0-9+/]{8,}={0,2})(?![\w-])`, 'g');
const cookieLine = new RegExp(
  String.raw`(\b(?<!\[redacted:)(set-)?cookie${quote}[ \t]*[:=][ \t]*(?:\[\s*)?)(?:(\\*")((?:(?!\3)[^\n])*)|([^"'\n\r\\]+))`,
  'gi',
);
const assignment = new RegExp(
  String.raw`((?<!\[redacted:)(?:(${passwordNames})|${tokenNames})${quote}[ \t]*[:=][ \t]*)` +
    String.raw`(?:(\\*")${notMark}((?:\\\\|\\"|(?!\3)[^\n])*)|(')${notMark}([^'\n]*)|${notMark}([^\s"'&,;{}\[\]\\<>|]+))`,
  'gi',
);
const userInfo = /(\b[a-z][a-z0-9+.-]{0,20}:\/\/[^\s/:@"'<>]{1,200}:)(?!\[redacted:)([^\s/@"'<>]+)(@)/gi;
const inlineBytes = /("inline_?bytes"\s*:\s*")([^"]+)(")/gi;
const privateKeyBlock = /("(?:private_?key|session_ticket_keys|generic_secret)"\s*:\s*\{)([^{}]*)(\})/gi;
const stringValue = /("(?:inline_?bytes|inline_?string)"\s*:\s*")((?:\\.|[^"\\])*)(")/gi;
const nothing = /^(?:null|true|false|none|~)$/i;

const known = new Map<string, string>();
/** Shorter ones are words that stand everywhere: those are hidden by what stands around them, as any other password. */
const shortestKnown = 8;

/** Hides a credential of the user's wherever it stands from now on, however it is written there. */
export function hideAlways(secret: string): void {
  if (secret.length < shortestKnown) return;
  const written = [
    secret,
    JSON.stringify(secret).slice(1, -1),
    encodeURIComponent(secret),
    Buffer.from(secret).toString('base64'),
  ];
  for (const each of written) known.set(each, redacted('password', secret));
}

/**
 * Hides the secrets of a text: what {@link hideAlways} was told, private keys, JWTs, cookie values, passwords, tokens, credentials of HTTP and of URLs,
 * and key material of Envoy's config dump. Certificates, ids, hashes and SPIFFE URIs stay. Doing it twice changes nothing.
 */
export function redactText(text: string): string {
  return [...known]
    .reduce((rest, [value, mark]) => rest.replaceAll(value, mark), text)
    .replace(pem, (whole) => redacted('private-key', whole))
    .replace(base64Pem, (whole) => (holdsPrivateKey(whole) ? redacted('private-key', whole) : whole))
    .replace(privateKeyBlock, (_, head: string, inside: string, tail: string) => {
      const hide = (_all: string, before: string, value: string, after: string): string =>
        before + redacted('private-key', value) + after;
      return head + inside.replace(stringValue, hide) + tail;
    })
    .replace(inlineBytes, (_, head: string, value: string, tail: string) => head + redactBytes(value) + tail)
    .replace(authorization, (_, head: string, scheme: string, space: string, value: string) => {
      return `${head}${scheme}${space}${redacted(/basic/i.test(scheme) ? 'basic' : 'bearer', value)}`;
    })
    .replace(jwt, (whole) => redacted('jwt', whole))
    .replace(cookieLine, (_, head: string, set: string | undefined, open = '', quoted?: string, bare?: string) => {
      return head + open + redactCookies(quoted ?? bare ?? '', set !== undefined);
    })
    .replace(bearer, (whole, head: string, value: string) => {
      return /\d/.test(value) || value.length >= 20 ? head + redacted('bearer', value) : whole;
    })
    .replace(basic, (whole, head: string, value: string) => {
      return isBasicCredential(value) ? head + redacted('basic', value) : whole;
    })
    .replace(assignment, hideAssigned)
    .replace(userInfo, (_, head: string, value: string, tail: string) => head + redacted('password', value) + tail);
}

function hideAssigned(
  whole: string,
  head: string,
  password: string | undefined,
  double: string | undefined,
  inDouble: string | undefined,
  single: string | undefined,
  inSingle: string | undefined,
  bare: string | undefined,
): string {
  const value = inDouble ?? inSingle ?? bare ?? '';
  if (nothing.test(value)) return whole;
  return head + (double ?? single ?? '') + redacted(password === undefined ? 'token' : 'password', value);
}

/** Hides the values of a Cookie or Set-Cookie header; names and the attributes of a Set-Cookie stay, as they are evidence. */
function redactCookies(header: string, set: boolean): string {
  return header
    .split(';')
    .map((pair, index) => {
      const equals = pair.indexOf('=');
      if (set && index > 0) return pair;
      if (equals < 0) return set || pair.trim() === '' ? pair : hideTrimmed(pair, 'cookie');
      return pair.slice(0, equals + 1) + hideTrimmed(pair.slice(equals + 1), 'cookie');
    })
    .join(';');
}

/** Several of them are one text, a line each: a comma may be part of a date. */
function redactSetCookies(lines: string): string {
  return lines
    .split('\n')
    .map((each) => redactCookies(each, true))
    .join('\n');
}

function hideTrimmed(value: string, kind: SecretKind): string {
  const bare = value.trim();
  return bare === '' || bare.startsWith('[redacted:') ? value : value.replace(bare, () => redacted(kind, bare));
}

function holdsPrivateKey(base64: string): boolean {
  return Buffer.from(base64, 'base64').toString('latin1').includes('PRIVATE KEY-----');
}

function isBasicCredential(base64: string): boolean {
  return /^[\x20-\x7e]*:[\x20-\x7e]*$/.test(Buffer.from(base64, 'base64').toString('latin1'));
}

/** Bytes of a config dump: a certificate is public and stays, anything else may be key material. */
function redactBytes(base64: string): string {
  const plain = Buffer.from(base64, 'base64').toString('latin1');
  const isCertificate = plain.includes('-----BEGIN CERTIFICATE-----') && !plain.includes('PRIVATE KEY');
  return isCertificate ? base64 : redacted('secret-bytes', base64);
}

const passwordKey = new RegExp(`(?:^|_)(?:${passwordNames})$`, 'i');
const tokenKey = new RegExp(`(?:^|_)(?:${tokenNames})$`, 'i');
const keyMaterialKey = /^(?:private_?key|session_?ticket_?keys|generic_?secret|client-key-data)$/i;

/**
 * Hides the secrets of a JSON value, by the names of its keys as well as by the look of its texts. Kubernetes Secrets
 * lose their `data`, except certificates. Returns a new value; the one given stays as it is.
 */
export function redactJson<T>(value: T): T {
  return walk(value) as T;
}

function walk(value: unknown): unknown {
  if (typeof value === 'string') return redactText(value);
  if (Array.isArray(value)) return value.map(walk);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value);
  const isSecret = Reflect.get(value, 'kind') === 'Secret';
  const named = nameOf(value);
  return Object.fromEntries(
    entries.map(([key, inner]) => {
      if (isSecret && (key === 'data' || key === 'stringData')) return [key, leaves(inner, redactSecretData)];
      return [redactText(key), byKey(key === 'value' && named !== undefined ? named : key, inner)];
    }),
  );
}

/** Envoy and Kubernetes write pairs as `{ "name": "cookie", "value": "…" }` or with `key`. */
function nameOf(pair: object): string | undefined {
  const name: unknown = Reflect.get(pair, 'name') ?? Reflect.get(pair, 'key');
  return typeof name === 'string' ? name : undefined;
}

function byKey(key: string, value: unknown): unknown {
  if (keyMaterialKey.test(key)) {
    return leaves(value, (text, own) => (own === 'filename' ? text : redacted('private-key', text)));
  }
  if (typeof value === 'string' || Array.isArray(value)) {
    const kind = passwordKey.test(key) ? 'password' : tokenKey.test(key) ? 'token' : undefined;
    if (kind !== undefined) return leaves(value, (text) => redacted(kind, text));
    if (/^set-cookie$/i.test(key)) return leaves(value, redactSetCookies);
    if (/^cookie$/i.test(key)) return leaves(value, (text) => redactCookies(text, false));
    if (/^(?:proxy-)?authorization$/i.test(key)) return leaves(value, redactCredentials);
    if (/^inline_?bytes$/i.test(key)) return leaves(value, redactBytes);
  }
  return walk(value);
}

function redactCredentials(text: string): string {
  const [, scheme, value = ''] = /^(\S+)\s+(.+)$/.exec(text) ?? [];
  if (scheme === undefined) return redacted('token', text);
  return `${scheme} ${redacted(/^basic$/i.test(scheme) ? 'basic' : 'bearer', value)}`;
}

function redactSecretData(text: string): string {
  const plain = text.includes('-----BEGIN') ? text : Buffer.from(text, 'base64').toString('latin1');
  const isCertificate = plain.includes('-----BEGIN CERTIFICATE-----') && !plain.includes('PRIVATE KEY');
  return isCertificate ? text : redacted('secret-bytes', text);
}

function leaves(value: unknown, hide: (text: string, key: string) => string, key = ''): unknown {
  if (typeof value === 'string') return hide(value, key);
  if (Array.isArray(value)) return value.map((inner) => leaves(inner, hide, key));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([own, inner]) => [own, leaves(inner, hide, own)]));
}

/**
 * Writes a file without its secrets: a text as it is, any other value as JSON. The folder is made, and the file appears
 * whole or not at all, also when the process is killed.
 */
export async function writeRedacted(path: string, value: unknown): Promise<void> {
  const text = typeof value === 'string' ? redactText(value) : `${JSON.stringify(redactJson(value), null, 2)}\n`;
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.part`;
  await writeFile(partial, text);
  await rename(partial, path);
}
