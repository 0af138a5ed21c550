import type { Course } from '#support/certificates.ts';

/** A stretch of a lane. `x` and `width` in the drawing's own units, as everywhere here. */
export interface Bar {
  x: number;
  width: number;
  /** `g0` to `g4` by serial, `failed` or `answered` for calls, `none` where nothing was read. */
  look: string;
  text: string;
  /** Everything that is known of it, for a pointer that rests on it. */
  title: string;
  /** Where its certificate had ended, if it goes on beyond. */
  expiredFrom?: number;
  /** Where the dump took a new version or date while the serial stayed. */
  moves: number[];
  /** How far the certificate is valid. */
  validTo?: number;
}
export interface TimelineLane {
  label: string;
  y: number;
  bars: Bar[];
}
/** A vertical line through all lanes. */
export interface Mark {
  x: number;
  look: 'alarm' | 'expiry';
  text: string;
  /** Its text stands before its line, not after it. */
  before: boolean;
  /** Texts that would lie on each other take turns. */
  y: number;
}
export interface Tick extends Omit<Mark, 'look'> {
  title: string;
}
/** One proxy over the course: what four sources said of its certificate, and what its callers saw. */
export interface Timeline {
  workload: string;
  envoy: string;
  /** What the check's own findings say of it, and the shape in numbers. */
  told: string[];
  summary: string;
  /** Nothing rang, ended or failed. */
  calm: boolean;
  lanes: TimelineLane[];
  marks: Mark[];
  events: Tick[];
  seconds: Tick[];
  /** Kinds of calls that are not drawn: failed ones are drawn first. */
  hiddenCalls: number;
  height: number;
  top: number;
  bottom: number;
}

/** Units of the drawing. */
export const geometry = { left: 178, right: 990, width: 1000, bar: 18, step: 25, row: 14 };
const { left, right } = geometry;
/** From here on, a text has no room behind its line. */
export const turnAt = 900;
/** Of a character of the drawing's text, the bold ones included. */
export const characterWidth = 7;

/** From times, in milliseconds since 1970, to the drawing's units and to seconds since the start. */
export interface Scale {
  x: (at: number) => number;
  seconds: (at: number) => number;
  start: number;
}

export function scaleOf({ start, end }: Course): Scale {
  const [from, to] = [Date.parse(start), Date.parse(end)];
  const share = (right - left) / Math.max(1, to - from);
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    x: (at) => round(left + (Math.min(Math.max(at, from), to) - from) * share),
    seconds: (at) => Math.round((at - from) / 1000),
    start: from,
  };
}

/** Puts texts into two rows, 0 and 1, so that none covers another; one that finds no room keeps its line and its title. */
export function place<T extends { x: number; text: string; before?: boolean }>(
  ticks: readonly T[],
): (T & { y: number })[] {
  const free = [0, 0];
  return ticks
    .toSorted((a, b) => a.x - b.x)
    .map((tick) => {
      const width = (tick.text.length + 1) * characterWidth;
      const from = tick.before === true ? tick.x - width : tick.x;
      const row = free.findIndex((until) => until <= from);
      if (row !== -1) free[row] = from + width;
      return { ...tick, text: row === -1 ? '' : tick.text, y: Math.max(0, row) };
    });
}
