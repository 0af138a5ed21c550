import type { Cluster } from '#lab/cluster.ts';

/** What a lab was asked to be. */
export interface LabRequest {
  name: string;
  topology: string;
  /** Tells a line of progress to the person who waits. */
  say: (line: string) => void;
  signal?: AbortSignal;
}

/** Clusters that stand and answer, ready for products. */
export interface Lab {
  name: string;
  topology: string;
  provider: 'kind' | 'existing';
  clusters: Map<string, Cluster>;
  /** True when the clusters stood before this run. */
  reused: boolean;
}
