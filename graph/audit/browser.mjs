// Visits the playground and the storefront of a sandbox with a headless browser, as a person would, and prints as JSON
// what it saw. Arguments: the browser's program, the server's address, a folder for screenshots. With "watch" for a
// folder it only opens the address and tells what is wrong with that page.
import { chromium } from 'playwright-core';

const [program, address, folder] = process.argv.slice(2);
const flags = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];
const browser = await chromium.launch({ executablePath: program, args: flags, timeout: 20000 });
const saw = { problems: [] };

// visit opens a page in a profile of its own, and notes whatever goes wrong there or leaves this server.
async function visit(path, device = { viewport: { width: 1280, height: 900 } }) {
  const context = await browser.newContext({ ...device, locale: 'ko-KR' });
  const problem = (kind, text) => saw.problems.push(`${path}: ${kind}: ${text}`);
  context.on('request', (request) => {
    const { protocol, origin } = new URL(request.url());
    if (!['data:', 'blob:'].includes(protocol) && origin !== new URL(address).origin) problem('outside', request.url());
  });
  context.on('requestfailed', (request) => { // what the page itself gave up has not failed: a stream that it left
    const reason = request.failure()?.errorText;
    if (reason !== 'net::ERR_ABORTED') problem('failed', `${request.url()} ${reason}`);
  });
  context.on('console', (message) => {
    if (['error', 'warning', 'assert'].includes(message.type())) problem('console', message.text());
  });
  context.on('weberror', (failure) => problem('exception', String(failure.error())));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      console.error(`policy: ${event.effectiveDirective} ${event.blockedURI}`);
    });
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  return page;
}

// send speaks to the pretend Iamport for whom it has no browser: the bank, mostly.
const post = (path, body) => send('POST', path, body);

async function send(method, path, body) {
  const response = await fetch(address + path, {
    method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

// playground presses ▶ for each operation of the first tab, in their order, and pays between the second and the third. The
// last one is a stream, which it stops.
async function playground() {
  const page = await visit('/playground');
  await page.goto(`${address}/playground`);
  let last = '';
  const run = async (operation) => {
    await page.locator('.graphiql-execute-button').click();
    await page.getByRole('menuitem', { name: operation, exact: true }).click();
    const shown = await page.waitForFunction((before) => {
      const text = document.querySelector('.result-window .CodeMirror')?.CodeMirror.getValue();
      const busy = document.querySelector('.graphiql-spinner');
      return !busy && text && text !== before ? text : null;
    }, last);
    last = await shown.jsonValue();
    return JSON.parse(last);
  };
  const shop = await run('Shop');
  const { merchantUid, price } = (await run('OpenOrder')).data.createChargeOrder;
  await post('/sandbox/sandbox-payments', { imp_uid: 'imp_000000000000', merchant_uid: merchantUid, amount: price });
  const charge = await run('Charge');
  const history = await run('History');
  const watched = await run('Watch');
  const stopped = page.waitForEvent('requestfailed', (request) => request.url().endsWith('/graphql/stream'));
  await page.locator('.graphiql-execute-button').click();
  await stopped;
  saw.playground = {
    viewer: shop.data.viewer.id,
    products: shop.data.chargeProducts.length,
    kind: history.data.viewer.pointTransactions.edges[0].node.kind,
    amount: charge.data.createPointTransaction.amount,
    balance: history.data.viewer.balance,
    watched: watched.data.viewerTransactionAdded.amount,
  };
  await page.screenshot({ path: `${folder}/playground.png` });
  await page.context().close();
}

// storefront buys by card, and then by a virtual account whose deposit comes while the page waits. No timer of three
// seconds or more ever ends there, so that the page learns of it by its stream or not at all.
async function storefront() {
  const page = await visit('/');
  await page.addInitScript(() => {
    const set = window.setTimeout;
    window.setTimeout = (f, wait, ...rest) => set(f, wait >= 3000 ? 2 ** 31 - 1 : wait, ...rest);
  });
  await page.goto(`${address}/`);
  await page.getByRole('button', { name: 'junho' }).click();
  const buy = async (product, method) => {
    await page.locator(`input[value="${product}"]`).check();
    await page.locator(`input[value="${method}"]`).check();
    await page.locator('#pay').click();
    await page.frameLocator('iframe').locator('button.pay').click();
  };
  const outcome = (tone) => page.locator(`#outcome .${tone} p b`).first().textContent();
  await buy('points-5000', 'CARD');
  const card = await outcome('good');
  await page.screenshot({ path: `${folder}/card.png` });
  const listening = page.waitForResponse((response) => response.url().endsWith('/graphql/stream'));
  await buy('points-10000', 'VIRTUAL_ACCOUNT');
  const waiting = await page.locator('#outcome .info dl').textContent();
  await listening;
  await page.screenshot({ path: `${folder}/waiting.png` });
  const { response } = await (await fetch(`${address}/sandbox/sandbox-payments`)).json();
  const { imp_uid: impUid } = response.list.find(({ status }) => status === 'ready');
  await post(`/sandbox/sandbox-payments/${impUid}/deposit`, { amount: 10000 });
  const deposit = await outcome('good');
  await page.waitForFunction(() => document.getElementById('balance').textContent === '15,100P');
  saw.storefront = { card, waiting, deposit, lines: await page.locator('#history li').count() };
  await page.screenshot({ path: `${folder}/deposit.png` });
  await page.context().close();
}

// phone pays where the payment window replaces the page, while the pretend Iamport answers no look-up and sends no webhook:
// the page that the browser comes back to asks again by itself. A second payment fails, and the page tells why.
async function phone() {
  const page = await visit('/ (phone)', {
    viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true,
    userAgent: 'Mozilla/5.0 (Linux; Android 16; Pixel 10) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36',
  });
  await page.goto(`${address}/`);
  await page.getByRole('button', { name: 'seoyeon' }).click();
  const buy = async (ending) => {
    await page.locator('input[value="points-30000"]').check();
    await page.locator('#pay').click();
    await page.waitForURL('**/sandbox/checkout/*');
    const back = page.waitForResponse((response) => response.url().includes('/payments/return'));
    await page.locator(`button[value="${ending}"]`).click();
    return (await (await back).headerValue('location')).replace(/.*&status=/, '');
  };
  await send('PUT', '/sandbox/faults', { faults: [{ name: 'html', route: 'GET /payments/{imp_uid}', count: 7 }] });
  const returned = await buy('pay_untold');
  const checking = await page.locator('#outcome .info p b').textContent();
  const locked = await page.locator('#pay').isDisabled();
  await page.screenshot({ path: `${folder}/checking.png` });
  const credited = await page.locator('#outcome .good p b').first().textContent();
  await send('DELETE', '/sandbox/faults');
  await buy('fail');
  const failed = await page.locator('#outcome .warn').textContent();
  await page.screenshot({ path: `${folder}/failed.png` });
  saw.phone = { returned, checking, locked, credited, failed, open: await page.locator('#pay').isEnabled() };
  await page.context().close();
}

async function watch() {
  const page = await visit('/');
  await page.goto(address);
  await page.waitForFunction(() => document.title === 'done');
}

try {
  if (folder === 'watch') await watch();
  else {
    await Promise.all([playground(), storefront()]);
    await phone(); // alone: the faults are everybody's
  }
} catch (failure) {
  saw.problems.push(String(failure));
} finally {
  await browser.close();
}
console.log(JSON.stringify(saw));
