// node shot.mjs WEB ROOM USER PASSWORD OUT.png: logs in, opens the room, takes a picture.
import { chromium } from 'playwright-core';

const [web, room, user, password, out] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'],
});
const page = await (await browser.newContext({ viewport: { width: 1200, height: Number(process.env.HEIGHT || 760) } })).newPage();
await page.goto(web + '/');
await page.fill('#username', user);
await page.fill('#password', password);
await page.click('button[type=submit]');
await page.waitForURL(/session\//);
await page.waitForTimeout(3000);
const session = page.url().match(/session\/(\d+)/)[1];
await page.evaluate((hash) => { location.hash = hash; }, `#/session/${session}/room/${encodeURIComponent(room)}`);
await page.locator('.Timeline_message').first().waitFor();
await page.waitForTimeout(3000);
await page.screenshot({ path: out });
await browser.close();
