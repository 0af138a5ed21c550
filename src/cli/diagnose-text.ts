import Table from 'cli-table3';
import pc from 'picocolors';
import { sources, type CertificateSource } from '#support/certificates.ts';
import { nextStep, type Place } from '#diagnose/next-step.ts';
import type { Diagnosis } from '#diagnose/story.ts';

/** One proxy, and what became of it. */
export interface Diagnosed extends Place {
  envoy?: string;
  diagnosis: Diagnosis;
}
export interface DiagnosedCourse {
  /** `namespace sock-shop of staging`, or the file. */
  what: string;
  start: string;
  end: string;
  proxies: Diagnosed[];
}

/** The table of four sources, every story in words with the next command, and the verdict. */
export function diagnosisText(all: readonly DiagnosedCourse[]): string {
  const proxies = all.flatMap((each) => each.proxies);
  return [...all.map(courseText), verdict(proxies)].join('\n\n');
}

function courseText({ what, start, end, proxies }: DiagnosedCourse): string {
  const seconds = Math.round((Date.parse(end) - Date.parse(start)) / 1000);
  const watched = seconds === 0 ? `one look at ${clock(end)}` : `${seconds} s up to ${clock(end)}`;
  const table = new Table({
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    head: ['workload', 'issuer', '/config_dump', '/certs', 'handshake', 'valid until', 'story'],
    style: { head: [], border: [] },
  });
  for (const each of proxies) table.push(rowOf(each));
  const waiting = proxies.filter(({ diagnosis }) => diagnosis.story === 'undecided' && diagnosis.because.length === 0);
  const stories = [
    ...proxies.filter((each) => !waiting.includes(each)).flatMap((each) => storyText(each) ?? []),
    ...waitingText(waiting),
  ];
  return [
    `Certificates of ${what}, ${watched}, secret "default"`,
    table.toString(),
    ...missingText(proxies),
    ...stories,
  ].join('\n');
}

function rowOf({ workload, diagnosis }: Diagnosed): string[] {
  const { comparison, window, story, fault, masked } = diagnosis;
  const mark = fault ? pc.red(`✕ ${story}`) : story === 'undecided' ? pc.yellow(`? ${story}`) : pc.green(`✓ ${story}`);
  return [
    workload,
    ...sources.map((source) => reading(diagnosis, source)),
    window === undefined ? '–' : clock(window.notAfter),
    `${mark}${masked ? ' (masked)' : ''}${comparison.agreement === 'differ' ? ' ≠' : ''}`,
  ];
}

/** The serial's beginning: enough to see that two are one. */
function reading({ comparison }: Diagnosis, source: CertificateSource): string {
  const read = comparison.readings[source];
  if (!read) return '–';
  return `${read.serial.slice(0, 8)}${read.others ? ` +${read.others.length}` : ''}`;
}

/** Why a column is empty, told once for all proxies that share the reason. */
function missingText(proxies: readonly Diagnosed[]): string[] {
  const reasons = sources.flatMap((source) =>
    proxies.flatMap(({ diagnosis }) => {
      const reason = diagnosis.comparison.missing[source];
      return reason === undefined ? [] : [`${source}: ${reason}`];
    }),
  );
  return [...Map.groupBy(reasons, (reason) => reason)].map(([reason, same]) =>
    pc.dim(`– ${reason}${proxies.length > 1 ? ` (${same.length} of ${proxies.length})` : ''}`),
  );
}

function storyText({ diagnosis, ...place }: Diagnosed): string | undefined {
  const { story, sentence, because, alarmAt, fault } = diagnosis;
  const step = nextStep(story, place);
  if (step === undefined) return undefined;
  return [
    '',
    `${pc.bold(place.workload)} ${pc.dim(place.pod)}`,
    `  ${sentence}`,
    ...because.map((each) => pc.dim(`  - ${each}`)),
    ...(alarmAt !== undefined && !fault ? [pc.dim(`  - the alarm is set to ${clock(alarmAt)}`)] : []),
    `  ${step.advice}:`,
    `    ${step.command}`,
  ].join('\n');
}

/** Those of which there is nothing to tell yet, in one. */
function waitingText(proxies: readonly Diagnosed[]): string[] {
  const [first, ...others] = proxies.toSorted((a, b) =>
    (a.diagnosis.alarmAt ?? '').localeCompare(b.diagnosis.alarmAt ?? ''),
  );
  if (!first) return [];
  if (others.length === 0) return [storyText(first) ?? ''];
  const step = nextStep('undecided', first);
  const due = first.diagnosis.alarmAt;
  const alarm =
    due === undefined ? '' : `; the first that is overdue without a new serial: ${first.workload}, by ${clock(due)}`;
  const what = `${proxies.length} proxies hold valid certificates, and no renewal was seen yet${alarm}.`;
  return ['', what, `  ${step?.advice}:`, `    ${step?.command}`];
}

function verdict(proxies: readonly Diagnosed[]): string {
  const faults = proxies.filter(({ diagnosis }) => diagnosis.fault).length;
  const open = proxies.filter(({ diagnosis }) => diagnosis.story === 'undecided').length;
  const of = `of ${proxies.length} ${proxies.length === 1 ? 'proxy' : 'proxies'}`;
  if (faults > 0) return `${pc.red(pc.bold('FAULT'))}: ${faults} ${of}`;
  if (open > 0)
    return `${pc.yellow(pc.bold('UNDECIDED'))}: ${open} ${of}; one look tells validity, alarm and sources that differ, watching over a renewal (--watch) tells whether it comes`;
  return `${pc.green(pc.bold('ROTATING'))}: all ${of.slice(3)}`;
}

/** `2026-11-25 14:10:56` */
const clock = (iso: string): string => iso.slice(0, 19).replace('T', ' ');
