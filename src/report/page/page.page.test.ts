import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyRun, edit } from '#report/testdata/copy.ts';
import { writeReports } from '#report/write-reports.ts';

const browsers = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const executablePath = process.env['CHROMIUM'] ?? browsers.find((path) => existsSync(path));
const attack = String.raw`<script>document.title='owned'</script><img src='http://example.invalid/x' onerror='document.title=1'>`;

let browser: Browser;
let page: Page;
let address: string;
const complaints: string[] = [];
const requests: string[] = [];

beforeAll(async () => {
  if (executablePath === undefined) throw new Error('no Chromium found: apt-get install -y chromium, or set CHROMIUM');
  const dir = await copyRun();
  await edit(
    dir,
    'evidence/GS-02@istio-current.json',
    'reset reason: connection termination',
    `reset reason: ${attack}`,
  );
  address = pathToFileURL((await writeReports(dir)).page).href;
  browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
  page.on('console', (message) => complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => requests.push(request.url()));
  await page.goto(address);
});
afterAll(() => browser?.close());

const visible = (): Promise<string[]> =>
  page.locator('details.check:not([hidden])').evaluateAll((all) => all.map((each) => each.id));

describe('the page in a real browser', () => {
  it('opens, loads nothing but itself, and runs no script of the evidence', async () => {
    expect(await page.title()).toMatch(/^1 failed, 1 inconclusive/);
    expect(requests.filter((url) => !url.startsWith(address) && !url.startsWith('data:'))).toEqual([]);
    expect(complaints).toEqual([]);
    await page.goto(`${address}#GS-02`);
    await page.reload();
    expect(await page.locator('#GS-02').getByText("<script>document.title='owned'").first().isVisible()).toBe(true);
  });

  it('filters by verdict, by words and by a cell of the matrix, and clears', async () => {
    await page.getByRole('button', { name: 'inconclusive', exact: false }).and(page.locator('.chip')).click();
    expect(await visible()).toEqual(['IM-02']);
    await page.getByRole('button', { name: 'Clear' }).click();
    expect(await visible()).toEqual(['GS-02', 'GS-06', 'IM-02']);
    await page.getByLabel('Search').fill('rewrite');
    expect(await visible()).toEqual(['GS-06']);
    expect(await page.locator('#count').textContent()).toBe('1 of 3 checks');
    await page.getByRole('button', { name: 'by tag' }).click();
    await page.locator('button.cell[data-system="gateway-switch"][data-value="outage"]').click();
    expect(await visible()).toEqual(['GS-02']);
    await page.getByLabel('Search').fill('nothing like this');
    expect(await page.getByText('No check fits this filter.').isVisible()).toBe(true);
    await page.getByRole('button', { name: 'Clear' }).click();
    expect(await visible()).toHaveLength(3);
  });

  it('tells the story: a missing witness is shown as missing, a twin as missed', async () => {
    await page.goto(`${address}#IM-02`);
    await page.reload();
    const story = page.locator('#IM-02');
    const lane = story.locator('section.probe:not(.control) .lane.missing').first();
    expect(await lane.innerText()).toMatch(
      /Destination proxy[\s\S]*Witness missing\.[\s\S]*no line from 10\.244\.0\.30/,
    );
    expect(await story.locator('.twins').first().innerText()).toMatch(
      /missed one-permissive[\s\S]*Turned red: nothing/,
    );
    const titles = await story.locator('section.probe.control .lane-title').allInnerTexts();
    expect(titles).toEqual(['Client', 'Source proxy', 'Destination proxy', 'Backend']);
  });

  it('opens a check with the keyboard and copies its command', async () => {
    await page.goto(address);
    await page.reload();
    await page.locator('#GS-06 > summary').focus();
    await page.keyboard.press('Enter');
    const copy = page.locator('#GS-06 button.copy');
    await copy.click();
    await expect.poll(() => copy.textContent()).toBe('Copied');
  });

  it.each([390, 768, 1280])('never scrolls sideways at %i px with everything open', async (width) => {
    await page.setViewportSize({ width, height: 900 });
    await page.locator('details').evaluateAll((all) => all.forEach((each) => each.setAttribute('open', '')));
    const overflow = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    expect(overflow).toBeLessThanOrEqual(0);
  });

  it.each(['light', 'dark'] as const)('keeps a contrast of at least 4.5 for every text in %s', async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    const poor = await page.evaluate(contrastProgram);
    expect(poor).toEqual([]);
  });

  it('says nothing on the console throughout', () => {
    expect(complaints).toEqual([]);
  });
});

/** Runs in the page: texts whose colour stands out less than WCAG AA asks of the first opaque ground behind them. */
const contrastProgram = `(() => {
  const channels = (css) => css.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = new Set();
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
    if (!own || element.getClientRects().length === 0) continue;
    const [a, b] = [light(channels(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.add(element.className + ' ' + element.textContent.trim().slice(0, 30) + ' ' + ratio.toFixed(2));
  }
  return [...poor];
})()`;
