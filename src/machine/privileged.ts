import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { $ } from 'zx/core';
import type { EngineInfo } from '#machine/docker.ts';
import { ownerLabel } from '#support/paths.ts';

/** One for each process, since several may look at the same engine at once. */
export const probeImage = `meshwitness/privileged-probe:${process.pid}`;

/** x86-64: xor edi,edi; mov eax,60 (exit); syscall. AArch64: mov x0,#0; mov x8,#93 (exit); svc #0. */
const exitZero: Record<string, { machine: number; code: string }> = {
  x86_64: { machine: 0x3e, code: '31ffb83c0000000f05' },
  aarch64: { machine: 0xb7, code: '000080d2a80b80d2010000d4' },
};

/**
 * Runs one privileged container that does nothing. Its image is a program of some 130 bytes made here, so that
 * nothing has to be pulled to know.
 *
 * @returns undefined when it ran, else the engine's reason on one line
 */
export async function privilegedProblem(engine: EngineInfo, signal?: AbortSignal): Promise<string | undefined> {
  const program = tinyProgram(engine.architecture);
  if (program === undefined) return undefined;
  const run = $({ quiet: true, nothrow: true, ...(signal && { signal }) });
  const folder = await mkdtemp(join(tmpdir(), 'meshwitness-'));
  try {
    await writeFile(join(folder, 'exit'), program, { mode: 0o755 });
    await run`tar -C ${folder} -cf ${join(folder, 'image.tar')} exit`;
    const label = `LABEL ${ownerLabel}=meshwitness`;
    const made = await run`docker import --change ${label} ${join(folder, 'image.tar')} ${probeImage}`;
    const ran =
      await run`docker run --rm --privileged --network none --label ${`${ownerLabel}=meshwitness`} ${probeImage} /exit`;
    signal?.throwIfAborted();
    await run`docker rmi ${probeImage}`;
    return ran.exitCode === 0 ? undefined : reasonOf(made.exitCode === 0 ? ran.stderr : made.stderr);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * The smallest Linux program: an ELF header, one program header, and the code for exit(0).
 *
 * @param architecture as `docker info` names it
 */
export function tinyProgram(architecture: string): Buffer | undefined {
  const target = exitZero[architecture];
  if (target === undefined) return undefined;
  const code = Buffer.from(target.code, 'hex');
  const [headers, base] = [0x78, 0x400000n];
  const size = BigInt(headers + code.length);
  const elf = Buffer.alloc(headers);
  elf.write('7f454c46020101', 0, 'hex');
  elf.writeUInt16LE(2, 16); // an executable
  elf.writeUInt16LE(target.machine, 18);
  elf.writeUInt32LE(1, 20);
  elf.writeBigUInt64LE(base + BigInt(headers), 24); // entry
  elf.writeBigUInt64LE(0x40n, 32); // program headers follow
  elf.writeUInt16LE(0x40, 52);
  elf.writeUInt16LE(0x38, 54);
  elf.writeUInt16LE(1, 56);
  elf.writeUInt32LE(1, 64); // load
  elf.writeUInt32LE(5, 68); // readable, executable
  elf.writeBigUInt64LE(base, 80);
  elf.writeBigUInt64LE(base, 88);
  elf.writeBigUInt64LE(size, 96);
  elf.writeBigUInt64LE(size, 104);
  elf.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([elf, code]);
}

/** The innermost cause in docker's chain of colons, on one line. */
export function reasonOf(stderr: string): string {
  const line = stderr.split('\n').find((text) => /error/i.test(text)) ?? stderr.split('\n')[0] ?? '';
  const caps = /unable to apply caps[^"]*/.exec(line)?.[0];
  return (caps ?? line.replace(/^docker: Error response from daemon: /, '').replace(/\.$/, '')).trim();
}
