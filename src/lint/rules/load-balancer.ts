import type { Finding, Path } from '#lint/finding.ts';
import { findingAt, type Manifest } from '#lint/manifest.ts';
import type { Context, Rule } from '#lint/rule.ts';
import { lineOf } from '#lint/line-of.ts';
import { fields, isFields, text, within } from '#lint/shape.ts';

type Product = 'Cilium' | 'MetalLB';

const annotations: Record<Product, RegExp> = {
  Cilium: /^(?:lbipam\.cilium\.io|io\.cilium)\//,
  MetalLB: /^metallb\.(?:io|universe\.tf)\//,
};
const own: Record<Product, string> = { Cilium: 'lbipam.cilium.io/ips', MetalLB: 'metallb.io/loadBalancerIPs' };
const other: Record<Product, Product> = { Cilium: 'MetalLB', MetalLB: 'Cilium' };
const called: Record<Product, RegExp> = { Cilium: /cilium/i, MetalLB: /metal\s?lb/i };

/** OA-D5: the product that gives out addresses does not read it, and the address stays pending or is another one. */
export const loadBalancerAnnotation: Rule = {
  id: 'OA-D5',
  title: 'an annotation of another load balancer than the one in use',
  check: ({ tree }) => {
    const used = usedIn(tree);
    return tree.manifests.flatMap((manifest) =>
      [...annotated(manifest)].flatMap((each) => judge(manifest, each, used)),
    );
  },
};

interface Annotated {
  path: Path;
  product: Product;
}

function* annotated({ value }: Manifest): Generator<Annotated> {
  for (const [path, inner] of within(value)) {
    if (path.at(-1) !== 'annotations' || !isFields(inner)) continue;
    for (const key of Object.keys(inner))
      for (const product of Object.keys(annotations) as Product[])
        if (annotations[product].test(key)) yield { path: [...path, key], product };
  }
}

function judge(manifest: Manifest, { path, product }: Annotated, used: ReadonlySet<Product>): Finding[] {
  const wrong = other[product];
  const misnamed = calledBy(manifest, path, wrong);
  if (!misnamed && (used.has(product) || !used.has(wrong))) return [];
  const key = path.at(-1);
  return [
    findingAt(manifest, path, {
      rule: 'OA-D5',
      severity: 'error',
      why: `${key} is an annotation of ${product}, ${misnamed ? `and is called one of ${wrong} here` : `and this repository uses ${wrong}`}: ${wrong} does not read it, and the address stays pending`,
      fix: `for ${wrong}: ${own[wrong]}${misnamed ? `; if ${product} gives out the addresses, mend the comment` : ''}`,
    }),
  ];
}

/** By the objects of each product, and by the charts that install it. */
function usedIn({ manifests }: Context['tree']): Set<Product> {
  const used = new Set<Product>();
  for (const { group, kind, value } of manifests) {
    if (group === 'metallb.io') used.add('MetalLB');
    if (group === 'cilium.io' && /^Cilium(?:LoadBalancerIPPool|L2AnnouncementPolicy|BGP)/.test(kind))
      used.add('Cilium');
    const chart = fields(fields(fields(value['spec'])['chart'])['spec'])['chart'];
    if (kind === 'HelmRelease' && text(chart) === 'metallb') used.add('MetalLB');
  }
  return used;
}

/** By a label of the object, or a comment on the annotation's line or straight above it, which does not name the right one too. */
function calledBy(manifest: Manifest, path: Path, product: Product): boolean {
  const { source, base, value } = manifest;
  const labels = Object.entries(fields(fields(value['metadata'])['labels']));
  if (labels.some(([key, label]) => called[product].test(`${key} ${String(label)}`))) return true;
  const lines = source.text.split('\n');
  const first = source.lines.linePos(source.offset).line;
  const here = lineOf(source, [...base, ...path]) - first;
  const comments = [/#.*$/.exec(lines[here] ?? '')?.[0] ?? ''];
  for (let line = here - 1; /^\s*#/.test(lines[line] ?? ''); line -= 1) comments.push(lines[line] ?? '');
  const said = comments.join(' ');
  return called[product].test(said) && !called[other[product]].test(said);
}
