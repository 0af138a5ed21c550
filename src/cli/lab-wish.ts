import type { Channel } from '#install/channel.ts';

/** What a run needs of a lab. */
export interface LabWish {
  name: string;
  topology: string;
  /** Products and versions to install. */
  channels: readonly Channel[];
  /** Images that it runs, beyond what every node has preloaded. */
  parts: readonly string[];
  /** Programs that its checks run on this machine. */
  tools: readonly string[];
  /** Capabilities that its checks need; what a lab lacks of them and an add-on brings is installed. */
  needs: readonly string[];
  source?: 'pull' | 'build';
  /** A cluster of the user's, in place of a lab. */
  existing?: { context: string; revision: string };
  /** Capabilities that the run pretends are missing. */
  without: readonly string[];
}
