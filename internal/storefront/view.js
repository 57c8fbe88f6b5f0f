// What the page looks like: functions from data to elements. Data only ever becomes text, never HTML.

const number = new Intl.NumberFormat('ko-KR');
const instant = new Intl.DateTimeFormat('ko-KR', { dateStyle: 'medium', timeStyle: 'short' }); // in the viewer's zone

export const won = (amount) => `${number.format(amount)}원`;
export const points = (amount) => `${number.format(amount)}P`;
const signed = (amount) => (amount > 0 ? '+' : '') + points(amount);

const KINDS = {
  CHARGE: ['충전', 'Charge'],
  BONUS: ['보너스', 'Bonus'],
  SPEND: ['사용', 'Spent'],
  SPEND_CANCEL: ['사용취소', 'Spend cancelled'],
  CHARGE_CANCEL: ['환불·회수', 'Refunded or taken back'],
  CLAWBACK: ['회수', 'Taken back'],
  EXPIRE: ['소멸', 'Expired'],
  EXPIRE_CANCEL: ['소멸취소', 'Expiry undone'],
  ADJUST: ['조정', 'Adjusted'],
  ADJUST_CANCEL: ['조정취소', 'Adjustment undone'],
};

const METHODS = {
  CARD: '신용카드',
  KAKAOPAY: '카카오페이',
  NAVERPAY: '네이버페이',
  TOSSPAY: '토스페이',
  BANK_TRANSFER: '계좌이체',
  VIRTUAL_ACCOUNT: '가상계좌',
  PHONE: '휴대폰',
  PAYCO: '페이코',
};

// Why a phone's payment failed, as the address that its browser comes back to says.
const REASONS = {
  USER_CANCELLED: ['결제를 취소하셨습니다.', 'You cancelled the payment.'],
  LIMIT_EXCEEDED: ['한도를 초과했습니다.', 'A limit was exceeded.'],
  INSUFFICIENT_BALANCE: ['잔액이 부족합니다.', 'The balance is too small.'],
  CARD_REFUSED: ['카드사에서 승인을 거절했습니다.', 'The card was refused.'],
  WRONG_DETAILS: ['입력한 결제 정보가 맞지 않습니다.', 'The payment details were wrong.'],
  TIMED_OUT: ['결제 시간이 지났습니다.', 'The payment took too long.'],
  ALREADY_PAID: ['이미 결제된 주문입니다.', 'This order is paid already.'],
  OTHER: ['결제사에서 결제를 승인하지 않았습니다.', 'The payment provider did not approve it.'],
};

// element makes one: attributes as they are written in HTML, functions as listeners, children as nodes or text.
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key, value);
    else if (value === true) made.toggleAttribute(key, true);
    else if (value !== false && value !== null) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const english = (text) => element('small', { lang: 'en' }, text);

export const user = ({ name }, click) =>
  element('li', {}, element('button', { type: 'button', class: 'user', click },
    element('span', { class: 'face', 'aria-hidden': 'true' }, [...name][0] ?? '?'), name));

export const product = ({ id, name, price, points: given, bonusPoints }, checked) =>
  element('label', { class: 'product' },
    element('input', { type: 'radio', name: 'product', value: id, required: true, checked, 'data-price': price }),
    element('span', { class: 'name' }, name),
    element('b', {}, points(given)),
    bonusPoints > 0 ? element('em', {}, `+ ${points(bonusPoints)} 보너스`) : null,
    element('span', { class: 'price' }, won(price)));

export const methods = (offered) => Object.keys(METHODS).filter((value) => offered.includes(value)).map((value, i) =>
  element('label', { class: 'method' },
    element('input', { type: 'radio', name: 'method', value, checked: i === 0 }),
    element('span', {}, METHODS[value])));

// walletNotes say what the balance alone does not: a debt, or that a refund under way holds some of the points.
export function walletNotes({ balance, spendable, debt }) {
  if (debt > 0) {
    return [walletNote('미회수 잔액', 'Debt', debt),
      element('p', {}, '취소된 결제의 포인트를 이미 사용했습니다. 다음 충전에서 먼저 차감됩니다. ',
        english('Points of a cancelled payment were spent; the next charge repays them first.'))];
  }
  return spendable === balance ? [] : [walletNote('사용 가능', 'Spendable', spendable)];
}

const walletNote = (korean, inEnglish, amount) =>
  element('p', {}, element('b', {}, `${korean} ${points(amount)}`), ' ', english(inEnglish));

export function line({ kind, amount, balanceAfter, description, impUid, createdAt }) {
  const [korean, name] = KINDS[kind] ?? [kind, ''];
  return element('li', { class: 'line' },
    element('span', { class: 'what' },
      element('b', {}, korean, ' ', english(name)),
      element('span', {}, description),
      element('span', { class: 'faint' }, time(createdAt), impUid ? ` · ${impUid}` : '')),
    element('span', { class: 'sum' },
      element('b', { class: amount < 0 ? 'minus' : 'plus' }, signed(amount)),
      element('span', { class: 'faint' }, `잔액 ${points(balanceAfter)}`)));
}

const time = (text) => element('time', { datetime: text }, instant.format(new Date(text)));

// message is a box that says what happened, and what can be done about it.
export const message = (tone, korean, inEnglish, ...rest) =>
  element('div', { class: `message ${tone}` }, element('p', {}, element('b', {}, korean), ' ', english(inEnglish)), ...rest);

export const action = (korean, inEnglish, click) =>
  element('button', { type: 'button', class: 'quiet', click }, korean, ' ', english(inEnglish));

const note = (korean, inEnglish) => element('p', { class: 'note' }, korean, ' ', english(inEnglish));

// outcome is the message for how a charge ended; retry is called when the same payment shall be tried again.
export function outcome(result, retry) {
  switch (result.kind) {
    case 'credited':
      return credited(result.line);
    case 'waiting':
      return message('info', '입금을 기다리고 있습니다.', 'Waiting for the deposit.',
        account(result.order),
        note('입금이 확인되면 포인트가 자동으로 적립됩니다.', 'Points arrive on their own once it is in.'));
    case 'cancelled':
      return message('warn', '결제가 취소되었습니다.', 'The payment was cancelled.',
        note('포인트는 회수되었고, 결제 금액은 결제 수단으로 돌아갑니다.', 'The points were taken back; the money returns the way it came.'), reference(result.payment));
    case 'mismatch':
      return message('bad', '결제 내용이 주문과 달라 적립되지 않았습니다.', 'The payment does not fit its order; nothing was credited.',
        note('담당자가 확인하고 있습니다. 결제 금액은 사라지지 않습니다.', 'An operator sees it; the money is not lost.'), reference(result.payment));
    case 'unsure':
      return message('warn', '결제를 아직 확인하지 못했습니다.', 'The payment could not be confirmed yet.',
        note('다시 결제하지 마세요. 잠시 후 다시 확인하면 됩니다.', 'Do not pay again; check again in a moment.'),
        reference(result.payment), action('다시 확인', 'Check again', retry));
    default:
      return unpaid(result);
  }
}

function credited({ amount, order, createdAt }) {
  const bonus = order?.bonusPoints ?? 0;
  return message('good', `${points(amount)}가 충전되었습니다.`, 'Your points have arrived.',
    bonus > 0 ? note(`보너스 ${points(bonus)}도 함께 드렸습니다.`, 'Bonus included.') : null,
    element('p', { class: 'faint' }, time(createdAt)));
}

function unpaid({ known, payment }) {
  if (!known) return message('warn', '이 사용자의 주문이 아닙니다.', 'There is no such order of yours.');
  return message('warn', '결제가 완료되지 않았습니다.', 'The payment was not completed.',
    payment.message ? element('p', {}, payment.message) : null, // as NaverPay demands, in its own words
    Object.hasOwn(REASONS, payment.reason) ? note(...REASONS[payment.reason]) : null,
    note('이미 결제하셨다면 확인되는 대로 자동으로 적립됩니다.', 'If you did pay, the points arrive on their own.'));
}

const account = ({ price, virtualAccount: to }) => element('dl', {},
  ...row('입금액', 'Amount', won(price)),
  ...row('은행', 'Bank', to?.bank),
  ...row('계좌번호', 'Account', to?.number),
  ...row('예금주', 'Holder', to?.holder),
  ...row('입금 기한', 'Deposit by', to?.depositBy && time(to.depositBy)));

const row = (korean, inEnglish, value) =>
  value ? [element('dt', {}, korean, ' ', english(inEnglish)), element('dd', {}, value)] : [];

const reference = ({ merchantUid, impUid }) =>
  element('p', { class: 'faint' }, `주문번호 ${merchantUid}`, impUid ? ` · ${impUid}` : '');

// Why an order is refused that another choice or an hour's wait makes possible: functions from the refusal.
const ORDER_REASONS = {
  PAY_METHOD_UNAVAILABLE: () => ['이 결제 수단은 사용할 수 없습니다. 다른 결제 수단을 골라 주세요.', 'Choose another way to pay.'],
  PRICE_BELOW_MINIMUM: ({ limit }) => [`이 결제 수단의 최소 금액은 ${won(limit)}입니다. 다른 결제 수단이나 상품을 골라 주세요.`,
    'The price is too small for this way to pay; choose another.'],
  TOO_MANY_OPEN_ORDERS: ({ limit }) => [`결제하지 않은 주문이 ${limit}건 있습니다. 한 시간 뒤에 다시 시도해 주세요.`,
    'There are too many unpaid orders; try again in an hour.'],
};

// refusal is the message for an error that belongs to no payment.
export function refusal(error) {
  if (Object.hasOwn(ORDER_REASONS, error.reason)) return message('warn', ...ORDER_REASONS[error.reason](error));
  switch (error.code) {
    case 'PRODUCT_UNAVAILABLE':
      return message('warn', '지금은 살 수 없는 상품입니다.', 'This product is no longer on offer.');
    case 'GATEWAY_UNAVAILABLE':
      return message('warn', '결제 서비스가 응답하지 않습니다. 잠시 후 다시 시도해 주세요.', 'The payment service does not answer; try again later.');
    case 'RATE_LIMITED':
      return message('warn', '요청이 너무 많습니다. 잠시 후 다시 시도해 주세요.', 'Too many requests; try again later.');
    case 'NETWORK':
      return message('warn', '서버에 연결할 수 없습니다.', 'The server cannot be reached.');
    case 'SDK':
      return message('bad', '결제 모듈을 불러오지 못했습니다. 아래 주소에 접속할 수 있는지 확인해 주세요.',
        'The payment SDK did not load; is this address reachable?', element('p', { class: 'faint' }, error.message));
    default:
      return message('bad', '문제가 생겼습니다. 잠시 후 다시 시도해 주세요.', 'Something went wrong; try again later.',
        element('p', { class: 'faint' }, error.message));
  }
}
