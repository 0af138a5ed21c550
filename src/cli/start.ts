import { Command } from 'commander';
import { verify, usualVerify } from '#cli/verify.ts';

/** `start`: a fresh machine made ready, then the smoke checks. What `npm start` runs. */
export function startCommand(signal: AbortSignal): Command {
  return new Command('start')
    .description('everything a fresh machine needs, then the smoke checks')
    .option('--keep', 'leave the lab standing', false)
    .action(async ({ keep }: { keep: boolean }) => {
      const { mend } = await import('#machine/doctor.ts');
      await mend({ say: (line) => process.stderr.write(`${line}\n`), signal });
      process.exitCode = await verify([], { ...usualVerify, profile: 'smoke', keep }, signal);
    });
}
