import type { Finding } from '#lint/finding.ts';
import type { SopsConfig } from '#lint/sops-config.ts';
import type { Tree } from '#lint/read-tree.ts';

/** What a rule may look at. */
export interface Context {
  tree: Tree;
  /** The `.sops.yaml` files that hold for the tree, those above it included. */
  sops: readonly SopsConfig[];
  /** What the definitions of the installed Envoy Gateway can express. */
  api: Api;
}

export interface Api {
  /** An authorization rule may have a CEL expression, which reads boolean claims too. */
  celRules: boolean;
}

/** One semantic rule: pure, and silent about whatever it does not understand. */
export interface Rule {
  id: string;
  /** What it finds, in one line: shown by --help and in SARIF. */
  title: string;
  check: (context: Context) => Finding[];
}
