import { z } from 'zod';
import type { PodHttp } from '#lab/forward.ts';
import { leaf } from '#support/certificates.ts';

const stream = z.looseObject({
  id: z.union([z.string(), z.number()]),
  kind: z.enum(['sotw', 'delta']),
  openedAt: z.string(),
  closedAt: z.string().optional(),
  requested: z.array(z.string()),
  replies: z.number(),
  acknowledged: z.record(z.string(), z.string()),
});
export type IssuerStream = z.infer<typeof stream>;

const page = z.looseObject({
  groups: z.array(
    z.looseObject({
      name: z.string(),
      roots: z.array(z.looseObject({ serial: z.string(), inBundle: z.boolean(), signs: z.boolean() })),
    }),
  ),
  identities: z.array(
    z.looseObject({
      name: z.string(),
      mode: z.string(),
      socket: z.string(),
      issued: z.number(),
      current: z.looseObject({ serial: z.string() }).optional(),
      streams: z.array(stream),
    }),
  ),
});
export type IssuerPage = z.infer<typeof page>;

const logEntry = z.looseObject({
  seq: z.number(),
  at: z.string(),
  identity: z.string(),
  event: z.string(),
  ...leaf.partial().shape,
  reason: z.string().optional(),
  resource: z.string().optional(),
  version: z.string().optional(),
  message: z.string().optional(),
});
export type IssuerLogEntry = z.infer<typeof logEntry>;
const logPage = z.looseObject({ entries: z.array(logEntry) });

const issued = z.object({ cert: z.string(), key: z.string(), ca: z.string() });
/** A certificate for the harness's own handshakes, PEM. */
export type ClientCertificate = z.infer<typeof issued>;

/** The outside issuer of a scene, by its admin port. Every request that it refuses is an error with its words. */
export class Issuer {
  readonly #admin: PodHttp;
  readonly #signal: AbortSignal;

  constructor(admin: PodHttp, signal: AbortSignal) {
    this.#admin = admin;
    this.#signal = signal;
  }

  async page(): Promise<IssuerPage> {
    return page.parse(await this.#admin.json('/issuer', { signal: this.#signal }));
  }

  /** What it did since: signed, pushed, was acknowledged or refused. */
  async log(since: number): Promise<IssuerLogEntry[]> {
    return logPage.parse(await this.#admin.json(`/issuer/log?since=${since}`, { signal: this.#signal })).entries;
  }

  async mode(identity: string | readonly string[], mode: string): Promise<void> {
    await this.#tell('PUT', '/issuer/mode', { identity, mode });
  }

  /** Signs anew, with the whole lifetime ahead. */
  async restartCourse(identity: readonly string[]): Promise<void> {
    await this.#tell('POST', '/issuer/restart-course', { identity });
  }

  async trust(group: string, action: 'add-root' | 'sign-with-new' | 'drop-old'): Promise<void> {
    await this.#tell('PUT', '/issuer/trust', { group, action });
  }

  async clock(offsetSeconds: number): Promise<void> {
    await this.#tell('PUT', '/issuer/clock', { offsetSeconds });
  }

  async certificate(spiffeId: string, group: string, lifetimeSeconds: number): Promise<ClientCertificate> {
    const answer = await this.#tell('POST', '/issuer/certificate', { spiffeId, group, lifetimeSeconds });
    return issued.parse(JSON.parse(answer));
  }

  async #tell(method: 'PUT' | 'POST', path: string, body: object): Promise<string> {
    const answer = await this.#admin.request(path, { method, body, signal: this.#signal });
    if (answer.status >= 300) throw new Error(`the issuer refused ${method} ${path}: ${answer.body.trim()}`);
    return answer.body;
  }
}
