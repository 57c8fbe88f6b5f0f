// A charge, from the click to the points: all that a front end has to do. Nothing here knows this shop's page, so
// it can be copied into another one. An api is a function (query, variables) → data; connect makes one.

const LINE = 'id kind amount balanceAfter impUid description createdAt order { merchantUid bonusPoints }';
const ORDER = `status price virtualAccount { bank number holder depositBy } transaction { ${LINE} }`;

// The aliases are IMP.request_pay's own names, so that checkout can be handed over as it is.
const OPEN_ORDER = `mutation OpenOrder($productId: ID!, $payMethod: PayMethod!) {
  createChargeOrder(productId: $productId, payMethod: $payMethod) {
    checkout {
      sdkUrl userCode channelKey pay_method: payMethod merchant_uid: merchantUid name amount currency
      buyer_name: buyerName buyer_email: buyerEmail buyer_tel: buyerTel
      m_redirect_url: redirectUrl notice_url: noticeUrl
      digital naverProducts { categoryType categoryId uid name count }
    }
  }
}`;
const CREDIT = `mutation Credit($impUid: ID!) { createPointTransaction(impUid: $impUid) { ${LINE} } }`;
const READ_LINE = `query Line($id: ID!) { pointTransaction(id: $id) { ${LINE} } }`;
const ADDED = 'subscription Added($after: Int) { viewerTransactionAdded(after: $after) { seq } }';
const READ_ORDER = `query Order($merchantUid: ID!) { chargeOrder(merchantUid: $merchantUid) { ${ORDER} } }`;

// What has one of these codes may succeed the next time.
const TEMPORARY = ['GATEWAY_UNAVAILABLE', 'RATE_LIMITED', 'NETWORK', 'INTERNAL'];

// charge sells the product and says how that ended: { kind: 'credited' |
// 'waiting' | 'unpaid' | 'cancelled' | 'mismatch' | 'unsure' }.
// Aborting signal only ends the waiting: a payment made nevertheless is credited by the server on its own.
export async function charge(api, productId, payMethod, signal) {
  const { checkout } = (await api(OPEN_ORDER, { productId, payMethod })).createChargeOrder;
  const IMP = await loadSDK(checkout.sdkUrl);
  IMP.init(checkout.userCode);
  const answered = new AbortController();
  const answer = await Promise.race([
    new Promise((resolve) => { IMP.request_pay(withoutNulls(checkout), resolve); }),
    orderMoved(api, checkout.merchant_uid, AbortSignal.any([signal, answered.signal])),
  ]).finally(() => answered.abort());
  const payment = { impUid: answer.imp_uid, merchantUid: checkout.merchant_uid, message: answer.error_msg };
  return payment.impUid ? credit(api, payment) : look(api, payment);
}

// credit turns a payment into points. What the callback said about success is not asked: only the server knows.
export async function credit(api, payment) {
  try {
    return { kind: 'credited', line: (await api(CREDIT, { impUid: payment.impUid })).createPointTransaction };
  } catch (refusal) {
    switch (refusal.code) {
      case 'PAYMENT_ALREADY_CHARGED': // by an earlier try whose answer was lost: here is its line
        return { kind: 'credited', line: (await api(READ_LINE, { id: refusal.transactionId })).pointTransaction };
      case 'PAYMENT_NOT_PAID': // a virtual account that awaits its deposit, or a failure
        return { ...await look(api, payment), refused: true };
      case 'PAYMENT_NOT_FOUND':
        return look(api, payment);
      case 'PAYMENT_MISMATCH':
        return { kind: 'mismatch', payment };
      default: // the money may well be paid: the same impUid can be tried again, safely
        return unsure(payment, refusal);
    }
  }
}

function unsure(payment, refusal) {
  if (!TEMPORARY.includes(refusal.code)) throw refusal;
  return { kind: 'unsure', payment };
}

// settle asks until it is known how a payment ended, for a page that a phone's browser came back to before the server
// knew. The money may have been taken: a payment that cannot be found, or is still under way, is not unpaid.
export async function settle(api, payment, signal) {
  let result = { kind: 'unsure', payment };
  for (let wait = 0; wait <= 8000 && !signal.aborted; wait = wait * 2 || 1000) {
    if (wait > 0) await pause(wait, signal);
    const asked = payment.impUid ? credit(api, payment) : look(api, payment);
    result = await asked.catch((refusal) => unsure(payment, refusal));
    if (!['unsure', 'unpaid'].includes(result.kind) || result.known === false) return result;
  }
  return result.refused && payment.status !== 'ready' ? result : { kind: 'unsure', payment };
}

// look asks what became of the order, which the webhook may have credited without us.
export async function look(api, payment) {
  const order = (await api(READ_ORDER, { merchantUid: payment.merchantUid })).chargeOrder;
  if (order?.transaction && order.status !== 'CANCELLED') return { kind: 'credited', line: order.transaction };
  if (order?.status === 'CANCELLED') return { kind: 'cancelled', payment };
  if (order?.status === 'WAITING_DEPOSIT') return { kind: 'waiting', payment, order };
  return { kind: 'unpaid', payment, known: order !== null };
}

// orderMoved resolves once the order is no longer the one we opened: then the callback was lost, and the webhook not.
async function orderMoved(api, merchantUid, signal) {
  for (let wait = 3000; !signal.aborted; wait = Math.min(wait * 1.25, 15000)) {
    await pause(wait, signal);
    const order = signal.aborted ? null : await api(READ_ORDER, { merchantUid }).catch(() => null);
    if (order?.chargeOrder && order.chargeOrder.status !== 'PENDING') break;
  }
  return {};
}

// pause ends early when the shopper comes back to this page, and when nobody waits any more.
export function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      removeEventListener('focus', end);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, milliseconds);
    addEventListener('focus', end);
    signal.addEventListener('abort', end);
    if (signal.aborted) end();
  });
}

// withoutNulls leaves out what does not concern this payment. The SDK's documents mention no null.
const withoutNulls = (checkout) => Object.fromEntries(Object.entries(checkout).filter(([, value]) => value !== null));

function loadSDK(url) {
  if (window.IMP) return window.IMP;
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = url;
    script.onload = () => resolve(window.IMP);
    script.onerror = () => { script.remove(); reject(new Refusal({ message: url, code: 'SDK' })); };
    document.head.append(script);
  });
}

// Refusal is an answer without data; its code is one of the schema's ErrorCode, or NETWORK, or SDK.
export class Refusal extends Error {
  constructor({ message, code, reason, limit, transactionId }) {
    super(message);
    Object.assign(this, { code, reason, limit, transactionId });
  }
}

// connect makes the function that speaks to the API for whom the token names, and can listen for them.
export function connect(endpoint, token) {
  const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${token}` };
  const api = async (query, variables = {}) => {
    const unreachable = (cause) => { throw new Refusal({ message: String(cause), code: 'NETWORK' }); };
    const response = await fetch(endpoint, {
      method: 'POST',
      headers,
      body: JSON.stringify({ query, variables }),
      signal: AbortSignal.timeout(20000),
    }).catch(unreachable);
    const { data, errors } = await response.json().catch(unreachable);
    if (errors) throw new Refusal({ message: errors[0].message, ...errors[0].extensions });
    return data;
  };
  api.listen = (heard, signal) => listen(`${endpoint}/stream`, headers, heard, signal);
  return api;
}

// listen calls heard at every new line of the ledger, and each time it begins to listen: what was written before is not
// told. It begins again after a cut, behind the last line, until signal is aborted or the server completes the stream.
// EventSource would do all this, but it cannot send a token.
async function listen(address, headers, heard, signal) {
  for (let wait = 1000, after = null; !signal.aborted; wait = Math.min(wait * 2, 60000)) {
    try {
      const body = JSON.stringify({ query: ADDED, variables: { after } });
      const response = await fetch(address, { method: 'POST', headers: { ...headers, Accept: 'text/event-stream' }, body, signal });
      if (response.status === 401) return;
      if (response.ok) heard();
      for await (const event of events(response)) {
        wait = 1000;
        if (event.startsWith('event: complete')) return;
        if (!event.startsWith('event: next')) continue; // a heartbeat
        after = JSON.parse(event.slice(event.indexOf('{'))).data?.viewerTransactionAdded.seq ?? after;
        heard();
      }
    } catch { /* a cut */ }
    await pause(wait, signal);
  }
}

// events are the blocks of a stream, each as it is written.
async function* events(response) {
  if (!response.ok) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const blocks = (text + chunk.value).split('\n\n');
    text = blocks.pop();
    yield* blocks;
  }
}
