import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyRun } from '#report/testdata/copy.ts';
import { writeReports } from '#report/write-reports.ts';

const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env['CHROMIUM'] ?? browsers.find((path) => existsSync(path));
const evidence = 'evidence/GS-02@istio-current.json';

let browser: Browser;
let page: Page;

beforeAll(async () => {
  if (executablePath === undefined) throw new Error('no Chromium found: apt-get install -y chromium, or set CHROMIUM');
  const dir = await copyRun();
  const course = JSON.parse(await readFile(resolve(import.meta.dirname, '../testdata/course.json'), 'utf8')) as unknown;
  const whole = JSON.parse(await readFile(join(dir, evidence), 'utf8')) as { facts: object };
  await writeFile(join(dir, evidence), JSON.stringify({ ...whole, facts: { ...whole.facts, course } }));
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  await page.goto(`${pathToFileURL((await writeReports(dir)).page).href}#GS-02`);
});
afterAll(() => browser?.close());

const drawing = (workload: string) =>
  page.locator('figure.timeline', { has: page.getByText(workload, { exact: true }) });

describe('the timeline in a real browser', () => {
  it('is drawn for every proxy, those that renewed in time folded', async () => {
    expect(await page.locator('#GS-02 figure.timeline').count()).toBe(4);
    expect(await drawing('user').isVisible()).toBe(true);
  });

  it('shows the outage: the alarm before the end, and red from the end on', async () => {
    const left = async (selector: string) => (await drawing('user').locator(selector).first().boundingBox())?.x ?? NaN;
    const [alarm, end, failed] = [await left('.alarm line'), await left('.expiry line'), await left('rect.failed')];
    expect(alarm).toBeLessThan(end - 20);
    expect(Math.abs(failed - end)).toBeLessThan(12);
    const fill = await page.evaluate("getComputedStyle(document.querySelector('#GS-02 .timeline rect.failed')).fill");
    expect(fill).toBe('rgb(161, 32, 29)');
  });

  it('tells in words what it draws, to those who cannot see it', async () => {
    expect(await drawing('user').locator('svg').getAttribute('aria-label')).toMatch(
      /expired 60 s; \d+ of 122 fresh calls/,
    );
    expect(
      await drawing('user').locator('rect.failed').first().locator('xpath=..').locator('title').textContent(),
    ).toMatch(/503 URX,UF, .*CERTIFICATE/);
  });

  it('lets no text leave the drawing or cover another', async () => {
    const crossing = await page.evaluate(crossingProgram);
    expect(crossing).toEqual([]);
  });

  it.each([390, 768])('never makes the page scroll sideways at %i px', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
  });
});

/** Runs in the page: texts of the drawings in sight that stand outside of them, or on each other. */
const crossingProgram = `[...document.querySelectorAll('#GS-02 figure.timeline svg')]
  .filter((svg) => svg.getClientRects().length > 0)
  .flatMap((svg) => {
    const box = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll('text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
    return texts.flatMap(([words, a], index) => [
      ...(a.left < box.left - 1 || a.right > box.right + 6 ? [words + ' leaves the drawing'] : []),
      ...texts.slice(index + 1)
        .filter(([, b]) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 4 && b.top < a.bottom - 4)
        .map(([other]) => words + ' / ' + other),
    ]);
  })`;
