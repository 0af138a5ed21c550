import { readFile } from 'node:fs/promises';

/** Number of CAP_SYS_RESOURCE in linux/capability.h. */
const sysResource = 24n;

/**
 * Whether the bounding set in the text of a /proc/PID/status lacks CAP_SYS_RESOURCE, so that no child can ever have it
 * and runc fails to hand it to a privileged container. False where the text names no bounding set (not Linux).
 */
export function lacksSysResource(status: string): boolean {
  const mask = /^CapBnd:\s*([0-9a-f]+)$/im.exec(status)?.[1];
  return mask !== undefined && ((BigInt(`0x${mask}`) >> sysResource) & 1n) === 0n;
}

/** The same for a process: by default this one, whose children inherit its bounding set. False when it is gone. */
export async function processLacksSysResource(pid: number | 'self' = 'self'): Promise<boolean> {
  return lacksSysResource(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''));
}
