import prettyMs from 'pretty-ms';
import { course } from '#support/certificates.ts';
import type { Evidence, ProbeEvidence } from '#support/evidence.ts';
import type { Finding, VerdictLine } from '#verdict/result.ts';
import { lanesOf, type Lane } from '#report/page/lanes.ts';
import type { Timeline } from '#report/page/timeline-drawing.ts';
import { timelinesOf } from '#report/page/timeline.ts';
import type { Run } from '#report/read-run.ts';
import {
  describe,
  ownLines,
  productOf,
  tally,
  twinLines,
  verdictOrder,
  wordOf,
  type CheckRecord,
  type Shown,
} from '#report/summary.ts';

export interface ProbePicture {
  name: string;
  control: boolean;
  id: string;
  request: string;
  headers: Array<[string, string]>;
  path: string;
  lanes: Lane[];
  /** Silent witnesses that have no column of their own. */
  alsoSilent: string[];
}

export interface TwinStory {
  name: string;
  breaks: string;
  verdict: Shown;
  reason: string;
  turnedRed: Finding[];
  evidence: string | undefined;
}

/** One check as one product decided it. */
export interface Decision {
  product: string;
  version: string;
  verdict: Shown;
  /** What the badge says. */
  word: string;
  label: string;
  reason: string;
  unstable: boolean;
  facts: string;
  probes: ProbePicture[];
  /** One a proxy, where the check watched certificates over time. */
  timelines: Timeline[];
  expectations: Finding[];
  controls: Finding[];
  twins: TwinStory[];
  otherFacts: string;
  evidence: string | undefined;
  dump: string | undefined;
  open: boolean;
}

export interface Story {
  id: string;
  check: CheckRecord;
  decisions: Decision[];
  /** Every verdict of the check and its twins, worst first: what the filter looks at. */
  verdicts: Shown[];
  /** `1 of 2 twins caught`, empty when none ran. */
  twinCount: string;
  search: string;
}

/** Everything the page says about one check, from the run's files. */
export function storyOf(run: Run, id: string): Story {
  const check = describe(run.record.checks, id);
  const lines = run.lines.filter((line) => line.id === id);
  const own = ownLines(lines);
  const decisions = own.length === 0 ? [undecided(check)] : own.map((line) => decisionOf(run, check, line, lines));
  const worst = decisions.toSorted((a, b) => verdictOrder.indexOf(a.verdict) - verdictOrder.indexOf(b.verdict))[0];
  const verdicts = tally([...decisions.map((each) => each.verdict), ...twinLines(lines).map((line) => line.verdict)]);
  const ran = twinLines(lines);
  const caught = ran.filter((line) => line.verdict === 'caught').length;
  const words = [
    id,
    check.title,
    check.system,
    check.level,
    ...check.tags,
    ...check.needs,
    ...lines.map((l) => l.reason),
  ];
  return {
    id,
    check,
    decisions: decisions.map((each) => ({ ...each, open: each === worst })),
    verdicts: verdicts.map((each) => each.verdict),
    twinCount: ran.length === 0 ? '' : `${caught} of ${ran.length} ${ran.length === 1 ? 'twin' : 'twins'} caught`,
    search: words.join(' ').toLowerCase(),
  };
}

function decisionOf(run: Run, check: CheckRecord, line: VerdictLine, all: VerdictLine[]): Decision {
  const evidence = line.evidence === undefined ? undefined : run.evidence.get(line.evidence);
  const twins = twinLines(all).filter((twin) => twin.product === line.product);
  const { timelines, facts } = factsOf(evidence, line.findings);
  return {
    product: line.product ?? '',
    version: productOf(run.record, line.product)?.version ?? '',
    verdict: line.verdict,
    word: wordOf(line),
    label: line.label ?? '',
    reason: line.reason,
    unstable: line.unstable,
    facts: [
      count(line.witnesses.length, 'witness', 'witnesses'),
      count(line.attempts, 'attempt', 'attempts'),
      prettyMs(line.durationMs),
    ].join(', '),
    probes: evidence?.probes.map((probe) => pictureOf(probe, line.findings)) ?? [],
    timelines,
    expectations: line.findings.filter((each) => !each.control),
    controls: line.findings.filter((each) => each.control),
    twins: twinStories(check, twins),
    otherFacts: Object.keys(facts).length === 0 ? '' : cut(JSON.stringify(facts, null, 2)),
    evidence: link(line.evidence),
    dump: link(line.dump),
    open: false,
  };
}

/** A course is drawn; what is no course, or of another shape, is shown as it is. */
function factsOf(
  evidence: Evidence | undefined,
  findings: Finding[],
): { timelines: Timeline[]; facts: Evidence['facts'] } {
  const { course: recorded, ...facts } = evidence?.facts ?? {};
  if (recorded === undefined) return { timelines: [], facts };
  const read = course.safeParse(recorded);
  return read.success
    ? { timelines: timelinesOf(read.data, findings), facts }
    : { timelines: [], facts: { ...facts, course: recorded } };
}

function undecided(check: CheckRecord): Decision {
  return {
    product: '',
    version: '',
    verdict: 'undecided',
    word: 'undecided',
    label: '',
    reason: 'The run ended before this check reached a verdict.',
    unstable: false,
    facts: '',
    probes: [],
    timelines: [],
    expectations: [],
    controls: [],
    twins: twinStories(check, []),
    otherFacts: '',
    evidence: undefined,
    dump: undefined,
    open: false,
  };
}

/** The twins that the check declares, each with what became of it, then any that only lines know. */
function twinStories(check: CheckRecord, lines: VerdictLine[]): TwinStory[] {
  const names = new Set([...check.twins.map((each) => each.name), ...lines.flatMap((line) => line.twin ?? [])]);
  return [...names].map((name) => {
    const line = lines.find((each) => each.twin === name);
    return {
      name,
      breaks: check.twins.find((each) => each.name === name)?.breaks ?? '',
      verdict: line?.verdict ?? 'undecided',
      reason: line?.reason ?? 'Not run.',
      turnedRed: line?.findings.filter((each) => each.state === 'broken') ?? [],
      evidence: link(line?.evidence),
    };
  });
}

function pictureOf(probe: ProbeEvidence, findings: Finding[]): ProbePicture {
  const inColumn = /^client|^certificate|source|destination|receipt|backend/i;
  return {
    name: probe.name,
    control: probe.role === 'control',
    id: probe.id,
    request: `${probe.request.method} ${probe.request.url}`,
    headers: Object.entries(probe.request.headers),
    path: `from ${probe.from} to ${probe.to}`,
    lanes: lanesOf(probe, findings),
    alsoSilent: probe.silent.flatMap((each) => (inColumn.test(each.witness) ? [] : `${each.witness}: ${each.reason}`)),
  };
}

/** A link inside the run folder, never one that a hostile path turns into a scheme or leads outside. */
function link(path: string | undefined): string | undefined {
  if (path === undefined || path.split(/[\\/]/).includes('..')) return undefined;
  return `./${path.split('/').map(encodeURIComponent).join('/')}`;
}

const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
const mostFacts = 6_000;
const cut = (text: string): string =>
  text.length > mostFacts ? `${text.slice(0, mostFacts)}\n… the rest is in the evidence file` : text;
