import type { Page } from 'playwright-core';

/** The form of a page that asks who somebody is, sent by POST and to the page's own origin. @returns how to send it; undefined without one */
export async function loginForm(page: Page, username: string): Promise<(() => Promise<void>) | undefined> {
  const form = page.locator('form[method=post i]:has(input[name=username])').first();
  if ((await form.count()) === 0) return undefined;
  const here = page.url();
  const action = (await form.getAttribute('action')) || here;
  if (!URL.canParse(action, here) || new URL(action, here).origin !== new URL(here).origin) return undefined;
  return async () => {
    await form.locator('input[name=username]').fill(username);
    // Buttons that mean something else, such as "Cancel", stand before the one that a person takes.
    await form.getByRole('button').last().click();
  };
}
