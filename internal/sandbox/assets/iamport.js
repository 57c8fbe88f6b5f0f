// A drop-in for Iamport's browser SDK that opens the sandbox's checkout instead of a real one.
//
//   <script src="https://sandbox.example/iamport.js"></script>
//   IMP.init('imp00000000');
//   IMP.request_pay({ merchant_uid, amount, name, … }, (rsp) => …);
//
// On a computer the checkout is an iframe over the page and the callback gets the answer. On a
// phone, or without a callback, the browser goes to the checkout and comes back to m_redirect_url.
(function () {
  'use strict';

  const base = new URL('.', document.currentScript.src);
  let userCode = '';
  let current = null; // the window that is open; there is one at a time

  window.IMP = {
    init(code) { userCode = String(code); },
    agency(code) { userCode = String(code); },
    request_pay(params, callback) { requestPay({ ...params }, callback); },
  };

  async function requestPay(params, callback) {
    const tell = typeof callback === 'function' ? callback : warn;
    if (typeof params.merchant_uid === 'number') params.merchant_uid = String(params.merchant_uid);
    if (!userCode) return tell(refusal(params, 'SANDBOX_INIT', 'IMP.init을 먼저 호출하세요.'));
    if (current) return tell(refusal(params, 'SANDBOX_OPEN', '이미 결제창이 열려 있습니다.'));
    current = { tell, params };
    const flow = goesAway(params, callback) ? 'redirect' : 'overlay';
    const answer = await openSession(params, flow);
    if (answer.session && flow === 'overlay') return showOverlay(answer.session);
    current = null;
    if (answer.session) return location.assign(checkoutURL(answer.session));
    if (answer.redirect && typeof callback !== 'function') return follow(answer.redirect);
    tell(answer.rsp);
  }

  function goesAway(params, callback) {
    return Boolean(params.m_redirect_url) && (isMobile() || typeof callback !== 'function');
  }

  function isMobile() {
    const data = navigator.userAgentData;
    return data ? data.mobile : /Android|iPhone|iPad|iPod|Mobile/i.test(navigator.userAgent);
  }

  // openSession resolves to {session}, or to {rsp, redirect} when the checkout must not open.
  async function openSession(params, flow) {
    try {
      const response = await fetch(new URL('checkout', base), {
        method: 'POST',
        credentials: 'omit',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ user_code: userCode, flow, channel: isMobile() ? 'mobile' : 'pc', params }),
      });
      const answer = await response.json();
      if (answer.session || answer.rsp) return answer;
      return { rsp: refusal(params, 'SANDBOX_REQUEST', answer.message) };
    } catch (error) {
      console.error('[sandbox]', error);
      return { rsp: refusal(params, 'SANDBOX_DOWN', '샌드박스에 연결하지 못했습니다.') };
    }
  }

  function checkoutURL(session) {
    return new URL('checkout/' + encodeURIComponent(session), base).href;
  }

  function showOverlay(session) {
    const frame = document.createElement('iframe');
    frame.src = checkoutURL(session);
    frame.title = '결제창 (샌드박스)';
    Object.assign(frame.style, {
      position: 'fixed', inset: '0', width: '100%', height: '100%', border: '0',
      zIndex: '2147483647', colorScheme: 'light', background: 'rgba(15, 23, 42, .55)',
    });
    Object.assign(current, {
      session, frame, focus: document.activeElement, overflow: document.documentElement.style.overflow,
    });
    document.documentElement.style.overflow = 'hidden';
    frame.addEventListener('load', () => {
      frame.focus();
      setTimeout(() => giveUp(frame), 2000);
    });
    window.addEventListener('message', onMessage);
    document.addEventListener('keydown', onKey);
    document.body.append(frame);
  }

  // onMessage believes the checkout only: its origin, its frame and its session.
  function onMessage(event) {
    if (!current || event.origin !== base.origin || event.source !== current.frame.contentWindow) return;
    const message = event.data;
    if (!message || message.session !== current.session) return;
    if (message.type === 'iamport-sandbox:ready') current.ready = true;
    if (message.type !== 'iamport-sandbox:done') return;
    const { tell } = current;
    hideOverlay();
    if (message.rsp) tell(message.rsp); // without one, the answer is lost on its way: on purpose
  }

  // giveUp removes a frame whose checkout never spoke: some policy of the shop's page, or of the
  // server in front of the sandbox, keeps it from loading.
  function giveUp(frame) {
    if (!current || current.frame !== frame || current.ready) return;
    const { tell, params } = current;
    hideOverlay();
    tell(refusal(params, 'SANDBOX_FRAME', '결제창을 열지 못했습니다. 페이지의 Content-Security-Policy(frame-src)를 확인하세요.'));
  }

  function onKey(event) {
    if (event.key !== 'Escape' || !current) return;
    current.frame.contentWindow.postMessage({ type: 'iamport-sandbox:close' }, base.origin);
  }

  function hideOverlay() {
    window.removeEventListener('message', onMessage);
    document.removeEventListener('keydown', onKey);
    document.documentElement.style.overflow = current.overflow;
    current.frame.remove();
    if (current.focus) current.focus.focus();
    current = null;
  }

  function follow(address) {
    const url = new URL(address);
    if (url.protocol === 'http:' || url.protocol === 'https:') location.assign(url);
  }

  function refusal(params, code, message) {
    return {
      imp_uid: null, merchant_uid: params.merchant_uid, error_code: code, error_msg: message,
      success: false, imp_success: false, status: 'failed',
    };
  }

  function warn(rsp) {
    console.warn('[sandbox] request_pay without a callback:', rsp);
  }
})();
