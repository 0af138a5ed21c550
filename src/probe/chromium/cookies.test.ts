import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { altered } from '#fixtures/server/protocol-tamper.ts';
import { sentCookies, toldCookie } from '#probe/chromium/cookies.ts';

const hashOf = (value: string): string => createHash('sha256').update(value).digest('hex').slice(0, 16);
const flags = { secure: false, httpOnly: false, cleared: false };

describe('a Set-Cookie', () => {
  it.each([
    ['a=1', { name: 'a', valueHash: hashOf('1'), ...flags }],
    [
      'a=b%3D=c; Domain=.Homelab.test; Path=/x; Secure; HttpOnly; SameSite=Lax',
      {
        name: 'a',
        valueHash: hashOf('b%3D=c'),
        domain: 'homelab.test',
        path: '/x',
        secure: true,
        httpOnly: true,
        sameSite: 'lax',
        cleared: false,
      },
    ],
    ['a=; Max-Age=0', { name: 'a', valueHash: hashOf(''), ...flags, cleared: true }],
    ['a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT', { name: 'a', valueHash: hashOf(''), ...flags, cleared: true }],
    [
      'a=1; Max-Age=9; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
      { name: 'a', valueHash: hashOf('1'), ...flags, cleared: false },
    ],
  ])('%s is told without its value', (line, told) => {
    expect(toldCookie(line)).toEqual([told]);
  });
});

describe('a Cookie header', () => {
  it('is told in its order', () => {
    expect(sentCookies('b=2; a=x=y; empty=')).toEqual([
      { name: 'b', valueHash: hashOf('2') },
      { name: 'a', valueHash: hashOf('x=y') },
      { name: 'empty', valueHash: hashOf('') },
    ]);
    expect(sentCookies('')).toEqual([]);
  });
});

describe('an altered value', () => {
  it.each([
    ['zZ9%3D=', 'aA0%3D='],
    ['S-ta_te', 'T-ub_uf'],
    ['%zz', '%aa'],
    ['', ''],
  ])('of %s is %s', (value, other) => {
    expect(altered(value)).toBe(other);
  });
});
