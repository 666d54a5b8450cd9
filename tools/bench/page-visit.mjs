/** @typedef {import('playwright-core').Browser} Browser */

const VIEWPORT = { width: 1280, height: 800 };

/**
 * Opens a page with nothing cached: milliseconds from the navigation to the frame that shows what `selector` finds, and how
 * much moved until all had settled (Cumulative Layout Shift).
 * @param {Browser} browser @param {string} url @param {string} selector @param {number} settleMs
 * @returns {Promise<{ seen: number, shift: number }>}
 */
export async function visit(browser, url, selector, settleMs) {
  const context = await browser.newContext({ viewport: VIEWPORT, bypassCSP: true });
  const page = await context.newPage();
  await page.addInitScript(`(() => {
    window.shift = 0;
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.shift += value;
    }).observe({ type: 'layout-shift', buffered: true });
    const look = () => {
      if (document.querySelector(${JSON.stringify(selector)}) === null) return requestAnimationFrame(look);
      requestAnimationFrame(() => setTimeout(() => (window.seen = performance.now())));
    };
    requestAnimationFrame(look);
  })()`);
  await page.goto(url);
  await page.waitForFunction('window.seen !== undefined');
  await page.waitForTimeout(settleMs);
  const measured = /** @type {{ seen: number, shift: number }} */ (
    await page.evaluate('({ seen: window.seen, shift: window.shift })')
  );
  await context.close();
  return measured;
}

/** What someone does in the overview, in the page's own words, and what tells that it was done. */
export const INTERACTIONS = [
  {
    what: 'sort by tag: until other rows are seen',
    act: `document.querySelector('[aria-label="Sort by tag"]').click()`,
    sign: `document.querySelector('[data-testid=tag-row]').dataset.reference`,
  },
  {
    what: 'next page: until other rows are seen',
    act: `document.querySelector('[aria-label="Next page"]').click()`,
    sign: `document.querySelector('[data-testid=tag-row]').dataset.reference`,
  },
  {
    what: 'filter by state: until other rows are seen',
    act: `[...document.querySelectorAll('.chip')].find((chip) => chip.textContent.trim() === 'gone').click()`,
    sign: `document.querySelector('[data-testid=tag-row]').dataset.reference`,
  },
  {
    what: 'open a record: until its answer is seen',
    act: `document.querySelector('a.row-link').click()`,
    sign: `document.querySelector('.sentence') === null`,
  },
  {
    what: 'type a letter: until it is seen',
    act: `(() => {
      const field = document.querySelector('[data-testid=search]');
      field.focus();
      document.execCommand('insertText', false, 'n');
    })()`,
    sign: `document.querySelector('[data-testid=search]').value`,
  },
];

/**
 * Does something in the overview once that is shown: milliseconds until the frame that shows what came of it.
 * @param {Browser} browser @param {string} url @param {{ act: string, sign: string }} interaction @param {number} settleMs
 * @returns {Promise<number>}
 */
export async function take(browser, url, { act, sign }, settleMs) {
  const context = await browser.newContext({ viewport: VIEWPORT, bypassCSP: true });
  const page = await context.newPage();
  await page.goto(url);
  await page.locator('[data-testid=tag-row]').first().waitFor();
  // What is loaded ahead is loaded by then.
  await page.waitForTimeout(settleMs);
  const took = /** @type {number} */ (
    await page.evaluate(`new Promise((resolve) => {
      const before = ${sign};
      const look = () =>
        ${sign} === before
          ? requestAnimationFrame(look)
          : requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - began)));
      const began = performance.now();
      ${act};
      look();
    })`)
  );
  await context.close();
  return took;
}
