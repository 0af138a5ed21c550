import { enableCompileCache } from 'node:module';
import { Command, CommanderError } from 'commander';
import { leave } from '#cli/leave.ts';
import { reportError } from '#cli/tell.ts';
import { watchSignals } from '#cli/signals.ts';

// Reading the libraries anew takes over a second; the bootstrap names the folder, this holds for a start without it.
enableCompileCache();

type Load = (signal: AbortSignal) => Promise<Command>;

/** Every command with its line in the help. A command's file is read only when that command is typed. */
const commands: Record<string, { does: string; load: Load }> = {
  start: {
    does: 'everything a fresh machine needs, then the smoke checks',
    load: async (signal) => (await import('#cli/start.ts')).startCommand(signal),
  },
  verify: {
    does: 'run checks on real clusters and print the verdicts',
    load: async (signal) => (await import('#cli/verify.ts')).verifyCommand(signal),
  },
  list: { does: 'every check: id, level, title, tags', load: async () => (await import('#cli/list.ts')).listCommand() },
  explain: {
    does: 'what one check sets up, sends and expects, and why',
    load: async () => (await import('#cli/explain.ts')).explainCommand(),
  },
  replay: {
    does: 'judge a run folder again from its evidence, without a cluster',
    load: async () => (await import('#cli/replay.ts')).replayCommand(),
  },
  report: {
    does: 'make the report pages of a run folder from its files',
    load: async () => (await import('#cli/report.ts')).reportCommand(),
  },
  preflight: {
    does: 'who would be cut off by a change, asked of a running cluster: GO or NO-GO',
    load: async (signal) => (await import('#cli/preflight.ts')).preflightCommand(signal),
  },
  diagnose: {
    does: 'whether certificates are renewed, and if not, whose fault it is; from a cluster or from recordings',
    load: async (signal) => (await import('#cli/diagnose.ts')).diagnoseCommand(signal),
  },
  lint: {
    does: 'what is wrong with the manifests of a GitOps repository: logins, allowlists, encryption, schemas',
    load: async (signal) => (await import('#cli/lint.ts')).lintCommand(signal),
  },
  up: {
    does: 'bring a lab up and keep it, for many runs',
    load: async (signal) => (await import('#cli/up.ts')).upCommand(signal),
  },
  down: {
    does: 'remove a lab, with all that a crash left of it',
    load: async (signal) => (await import('#cli/down.ts')).downCommand(signal),
  },
  status: {
    does: 'which labs stand, and what crashed ones left behind',
    load: async () => (await import('#cli/status.ts')).statusCommand(),
  },
  images: {
    does: 'every image and tool: where it comes from, pulled or built',
    load: async (signal) => (await import('#cli/images.ts')).imagesCommand(signal),
  },
  doctor: {
    does: 'what this machine has and lacks, each with the command that mends it',
    load: async () => (await import('#cli/doctor.ts')).doctorCommand(),
  },
};

const examples = `
Start here:
  ./meshwitness start                          a fresh machine: everything it needs, then the smoke checks
  ./meshwitness list                           which checks there are
  ./meshwitness explain GS-02                  what one of them does
  ./meshwitness verify GS-02 --twins           run it, and the sabotage it must notice
  ./meshwitness verify --profile core --twins  all core checks on both Istio versions
  ./meshwitness replay reports/RUN             the same verdicts from recorded evidence, no cluster

Exit codes: 0 all passed, 1 something failed, 2 bad input, 3 inconclusive or not ready, 130 interrupted.`;

async function program(typed: string | undefined, signal: AbortSignal): Promise<Command> {
  const root = new Command('meshwitness')
    .description('Decides named checks of service meshes and gateways on evidence from several witnesses')
    .helpCommand(false)
    .addHelpText('after', examples);
  for (const [name, { does, load }] of Object.entries(commands))
    root.addCommand(name === typed ? await load(signal) : new Command(name).description(does));
  return quiet(root);
}

/** Commander's own complaints come out in the place where all errors do. */
function quiet(command: Command): Command {
  command.exitOverride().configureOutput({ outputError: () => undefined });
  command.commands.forEach(quiet);
  return command;
}

async function main(argv: string[]): Promise<number> {
  const { signal, stopped } = watchSignals();
  try {
    const [typed] = argv;
    const root = await program(typed, signal);
    if (typed === undefined) root.outputHelp();
    else await root.parseAsync(argv, { from: 'user' });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return await reportError(error, signal);
  } finally {
    stopped();
  }
}

// A reader that has seen enough (`| head`) closes the pipe: that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
await leave(await main(process.argv.slice(2)));
