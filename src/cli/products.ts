import { findParts } from '#machine/parts.ts';
import type { ReadyPart } from '#machine/ready-part.ts';
import { loadVersions } from '#machine/versions.ts';
import type { RunRecord } from '#verdict/result.ts';

type Product = RunRecord['products'][number];

/** The parts that a run stands on, those inside its node too, with where each came from. */
export async function productsOf(
  names: readonly string[],
  options: Parameters<typeof findParts>[1],
): Promise<Product[]> {
  const { parts } = await loadVersions();
  const inside = (part: string): string[] => {
    const spec = parts[part];
    return spec?.build === 'node' ? [part, ...inside(spec.base), ...spec.preload] : [part];
  };
  const found = await findParts([...new Set(names.flatMap(inside))], options);
  return [...found.values()].map(productOf);
}

function productOf({ part, version, origin, reference, path, digest, module }: ReadyPart): Product {
  return {
    part,
    version,
    origin,
    reference: reference ?? path?.split('/').at(-1) ?? part,
    ...(digest !== undefined && { digest }),
    ...(module !== undefined && { module }),
  };
}

/** What a cluster of the user's runs, as it said itself. */
export const existingProduct = (part: string, version: string, context: string): Product => ({
  part,
  version,
  origin: 'existing',
  reference: `context ${context}`,
});
