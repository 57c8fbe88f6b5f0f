// The shop's page: who is signed in, what is chosen, what is shown. The charge itself is in charge.js.

import { charge, connect, look, pause, settle } from './charge.js';
import * as view from './view.js';

const VIEWER = `query Viewer($after: String) {
  viewer {
    id
    balance
    spendable
    debt
    pointTransactions(first: 10, after: $after) {
      edges { node { id kind amount balanceAfter description impUid createdAt } }
      pageInfo { hasNextPage endCursor }
    }
  }
}`;
const LAST_ORDER = '{ viewer { chargeOrders(first: 1) { edges { node { merchantUid status } } } } }';
const PRODUCTS = '{ payMethods chargeProducts { id name price points bonusPoints } }';

const settings = JSON.parse(document.getElementById('settings').textContent);
const $ = (id) => document.getElementById(id);

let api = null; // speaks for whoever is signed in
let lastCursor = null;
let following = new AbortController(); // aborted when nobody waits for the order of the last message any more

// ---- Signing in. A real shop has its own way; this one has the tokens of its demo users.

function signIn(index) {
  sessionStorage.setItem('user', index); // survives the redirect of a phone's payment
  const user = settings.users[index];
  api = connect(settings.graphql, user.token);
  $('name').textContent = user.name;
  $('sign-in-problem').textContent = '';
  $('outcome').replaceChildren();
  enter(true);
  return guarded(async () => {
    await Promise.all([showProducts(), refresh()]);
    await arrive();
  });
}

function signOut(problem = '') {
  following.abort();
  sessionStorage.removeItem('user');
  remember(null);
  api = null;
  $('sign-in-problem').textContent = problem;
  enter(false);
}

function enter(signedIn) {
  $('sign-in').hidden = signedIn;
  $('shop').hidden = !signedIn;
  $('who').hidden = !signedIn;
}

// ---- What is shown.

async function showProducts() {
  const { payMethods, chargeProducts } = await api(PRODUCTS);
  $('methods').replaceChildren(...view.methods(payMethods));
  $('products').replaceChildren(...chargeProducts.map((product, i) => view.product(product, i === 0)));
  showPrice();
}

function showPrice() {
  const chosen = $('order').querySelector('[name=product]:checked');
  $('pay').disabled = !chosen;
  $('pay').textContent = chosen ? `${view.won(Number(chosen.dataset.price))} 결제하기` : '결제하기';
}

async function refresh() {
  const viewer = await history(null);
  $('balance').textContent = view.points(viewer.balance);
  $('wallet-notes').replaceChildren(...view.walletNotes(viewer));
  $('no-history').hidden = $('history').childElementCount > 0;
}

// history shows the page after the cursor; without one, the newest lines and nothing else.
async function history(after) {
  const asked = api;
  const { viewer } = await asked(VIEWER, { after });
  if (asked !== api) throw new DOMException('somebody else signed in', 'AbortError');
  const { edges, pageInfo } = viewer.pointTransactions;
  const lines = edges.map(({ node }) => view.line(node));
  if (after) $('history').append(...lines);
  else $('history').replaceChildren(...lines);
  lastCursor = pageInfo.endCursor;
  $('more').hidden = !pageInfo.hasNextPage;
  return viewer;
}

function show(message) {
  $('outcome').replaceChildren(message);
  message.scrollIntoView({ block: 'nearest', behavior: 'smooth' });
}

// ---- Paying.

function buy(event) {
  event.preventDefault();
  const form = new FormData($('order'));
  return pay((signal) => charge(api, form.get('product'), form.get('method'), signal));
}

// pay runs one attempt and shows how it ended. The choices are locked meanwhile, so a second click does nothing, and as
// long as the money may have been taken, so that nobody pays twice.
function pay(attempt, korean = '결제를 진행하고 있습니다.', inEnglish = 'Payment in progress.') {
  if ($('choices').disabled) return null;
  const buyer = api;
  const waiting = follow();
  $('choices').disabled = true;
  show(view.message('info', korean, inEnglish,
    view.action('기다리지 않기', 'Stop waiting', () => waiting.abort())));
  return guarded(async () => {
    const result = await attempt(waiting.signal);
    if (buyer === api) await conclude(result); // else nobody, or somebody else, is at the screen now
  }).finally(lock);
}

function check(payment) {
  remember(payment);
  $('choices').disabled = false; // from here on, pay locks them
  return pay((signal) => settle(api, payment, signal), '결제를 확인 중입니다. 다시 결제하지 마세요.', 'Checking the payment; do not pay again.');
}

async function conclude(result) {
  remember(result.kind === 'unsure' ? result.payment : null);
  lock();
  show(view.outcome(result, () => check(result.payment)));
  if (['waiting', 'unpaid', 'unsure'].includes(result.kind)) keepLooking(result);
  await renew();
}

// remember keeps the payment whose end is not known through a reload of the page.
function remember(payment) {
  if (payment) sessionStorage.setItem('unsettled', JSON.stringify(payment));
  else sessionStorage.removeItem('unsettled');
}

const unsettled = () => JSON.parse(sessionStorage.getItem('unsettled'));

function lock() {
  $('choices').disabled = unsettled() !== null;
}

// renew refreshes what stands beside the outcome of a payment. Its own failure never replaces the outcome.
async function renew() {
  await refresh().catch((error) => {
    if (error.code === 'UNAUTHENTICATED') throw error;
  });
}

function follow() {
  following.abort();
  following = new AbortController();
  return following;
}

// keepLooking tells when an order that looked unpaid is credited after all: a deposit, or a webhook that was late. A new
// line of the ledger is the moment to look; the pauses are for when nobody tells.
async function keepLooking({ kind, payment, known = true }) {
  const { signal } = follow();
  let told = new AbortController();
  if (known) api.listen(() => told.abort(), signal);
  for (let wait = 3000; known && !signal.aborted; wait = Math.min(wait * 2, 60000)) {
    await pause(wait, AbortSignal.any([signal, told.signal]));
    told = new AbortController();
    if (signal.aborted) return;
    const now = await look(api, payment).catch(() => ({ kind }));
    const moved = now.kind !== kind && !(kind === 'unsure' && now.kind === 'unpaid');
    if (moved && !signal.aborted) {
      follow(); // nobody listens for this order any more
      await guarded(() => conclude(now));
      return;
    }
  }
}

// arrive shows the order that a phone's browser was sent back with, or else the one that still awaits its deposit.
// Anybody can write an address, so the status in it can only make the page more careful.
async function arrive() {
  const query = new URLSearchParams(location.search);
  window.history.replaceState(null, '', location.pathname);
  const [merchantUid, impUid, status, reason] = ['merchantUid', 'impUid', 'status', 'reason'].map((name) => query.get(name));
  const earlier = merchantUid ? null : unsettled();
  const payment = earlier ?? { merchantUid: merchantUid ?? await awaitingDeposit(), impUid, status, reason };
  if (!payment.merchantUid) return;
  const ended = [null, 'failed', 'cancelled', 'mismatch'].includes(status) && reason !== 'ALREADY_PAID';
  if (earlier || !ended) {
    await check(payment);
    return;
  }
  const result = await look(api, payment);
  const doubted = status === 'mismatch' && result.kind === 'unpaid' && result.known;
  await conclude(doubted ? { kind: 'mismatch', payment } : result);
}

async function awaitingDeposit() {
  const last = (await api(LAST_ORDER)).viewer.chargeOrders.edges[0]?.node;
  return last?.status === 'WAITING_DEPOSIT' ? last.merchantUid : null;
}

// ---- What can go wrong with all of it.

async function guarded(work) {
  try {
    await work();
  } catch (error) {
    if (error.name === 'AbortError') return;
    if (error.code === 'UNAUTHENTICATED') {
      signOut('로그인이 만료되었습니다. 페이지를 새로 고친 뒤 다시 시작해 주세요. Signed out: reload the page.');
      return;
    }
    show(view.refusal(error));
  }
}

$('users').append(...settings.users.map((user, i) => view.user(user, () => signIn(i))));
$('order').addEventListener('submit', buy);
$('order').addEventListener('change', showPrice);
$('more').addEventListener('click', () => guarded(() => history(lastCursor)));
$('sign-out').addEventListener('click', () => signOut());
document.addEventListener('visibilitychange', () => {
  if (!document.hidden && api) guarded(renew);
});

const remembered = Number(sessionStorage.getItem('user') ?? NaN);
if (settings.users[remembered]) signIn(remembered);
else enter(false);
