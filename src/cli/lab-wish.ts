import type { IstioChannel } from '#install/istio-manifests.ts';

/** What a run needs of a lab. */
export interface LabWish {
  name: string;
  topology: string;
  channels: readonly IstioChannel[];
  /** Images that its checks ask for, beyond what every node has preloaded. */
  parts: readonly string[];
  source?: 'pull' | 'build';
  /** A cluster of the user's, in place of a lab. */
  existing?: { context: string; revision: string };
  /** Capabilities that the run pretends are missing. */
  without: readonly string[];
}
