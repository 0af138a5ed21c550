import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchSignals } from '#cli/signals.ts';

let now = 0;
const exit = vi.fn<(code: number) => void>();
let watch: ReturnType<typeof watchSignals>;
beforeEach(() => {
  now = 0;
  exit.mockClear();
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  watch = watchSignals(() => now, exit);
});
afterEach(() => {
  watch.stopped();
  vi.restoreAllMocks();
});

describe('Ctrl-C', () => {
  it('aborts what is under way', () => {
    process.emit('SIGINT');
    expect(watch.signal.reason).toMatchObject({ exitCode: 130 });
    expect(exit).not.toHaveBeenCalled();
  });

  it('that arrives twice at once is one wish', () => {
    process.emit('SIGINT');
    now = 20;
    process.emit('SIGINT');
    expect(exit).not.toHaveBeenCalled();
  });

  it('once more ends the process', () => {
    process.emit('SIGTERM');
    now = 1000;
    process.emit('SIGINT');
    expect(exit).toHaveBeenCalledExactlyOnceWith(130);
  });
});
