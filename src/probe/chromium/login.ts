import type { Page } from 'playwright-core';
import type { BrowseRequest } from '#fixtures/server/protocol-browse.ts';

/**
 * The form of a page that asks who somebody is, sent by POST and to the page's own origin: the same that the fixture's browser
 * fills in. A password is typed only into a field for one.
 *
 * @returns how to send it; undefined without one
 */
export async function loginForm(
  page: Page,
  { username, password }: NonNullable<BrowseRequest['login']>,
): Promise<(() => Promise<void>) | undefined> {
  const asking = ['input[name=username]', ...(password === undefined ? [] : ['input[type=password i]'])];
  const form = page.locator(asking.map((each) => `form[method=post i]:has(${each})`).join(', ')).first();
  if ((await form.count()) === 0) return undefined;
  const here = page.url();
  const action = (await form.getAttribute('action')) || here;
  if (!URL.canParse(action, here) || new URL(action, here).origin !== new URL(here).origin) return undefined;
  const named = form.locator('input[name=username]').first();
  const any = form.locator('input[type=text i], input[type=email i], input:not([type])').first();
  const user = (await named.count()) > 0 ? named : any;
  if ((await user.count()) === 0) return undefined;
  const secret = form.locator('input[type=password i]').first();
  return async () => {
    await user.fill(username);
    if (password !== undefined && (await secret.count()) > 0) await secret.fill(password);
    // Buttons that mean something else, such as "Cancel", stand before the one that a person takes.
    await form.getByRole('button').last().click();
  };
}
