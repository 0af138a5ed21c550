import { resolve } from 'node:path';
import envPaths from 'env-paths';

const root = resolve(import.meta.dirname, '../..');
const home = envPaths('meshwitness', { suffix: '' });

/** Where things live. Caches and run state are the user's, never the repository's. */
export const paths = {
  root,
  kind: resolve(root, 'kind'),
  versions: resolve(root, 'kind/versions.yaml'),
  topologies: resolve(root, 'kind/topologies'),
  imageRecipes: resolve(root, 'kind/images'),
  manifests: resolve(root, 'fixtures/manifests'),
  suites: resolve(root, 'suites'),
  reports: resolve(root, 'reports'),
  /** Content-addressed parts, tools and downloads. */
  cache: home.cache,
  /** One folder a lab: its kubeconfig and the record of what it was made from. */
  labs: resolve(home.cache, 'labs'),
} as const;

/** The label that everything we make carries, and the only one that `down` removes. */
export const ownerLabel = 'meshwitness.dev/owner';
/** Label that names the lab (cluster group) a thing belongs to. */
export const labLabel = 'meshwitness.dev/lab';
