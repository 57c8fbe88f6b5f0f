// The checkout page: sends the person's decision to the sandbox, and the outcome to the shop.
(function () {
  'use strict';

  const page = document.body.dataset;
  const session = location.pathname.split('/').pop();
  const framed = window.parent !== window;
  const notice = document.getElementById('notice');
  let decided = false;

  for (const form of document.querySelectorAll('form')) {
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      decide(event.submitter.value, form);
    });
  }

  // Escape closes the window, pressed here or on the shop's page underneath.
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') decide('close');
  });
  window.addEventListener('message', (event) => {
    if (event.source !== window.parent || !page.shop || event.origin !== page.shop) return;
    if (event.data && event.data.type === 'iamport-sandbox:close') decide('close');
  });

  tellShop({ type: 'iamport-sandbox:ready' });

  // tellShop speaks to the page that opened this window, and to no other that might frame it.
  function tellShop(message) {
    if (framed && page.shop) window.parent.postMessage({ ...message, session }, page.shop);
  }

  async function decide(action, form) {
    if (decided) return;
    decided = true;
    setBusy(true);
    try {
      const response = await fetch(location.pathname + '/answer', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ action, ...instead(form) }),
      });
      const outcome = await response.json();
      if (!response.ok) throw new Error(outcome.message);
      finish(outcome);
    } catch (error) {
      decided = false;
      setBusy(false);
      say(error.message, 'Something went wrong. Try again.');
    }
  }

  // instead returns the amount and currency to pay in place of the order's, and the discount.
  function instead(form) {
    const { amount, currency, discount } = form ? form.elements : {};
    return { amount: amount?.value, currency: currency?.value, discount: discount?.value };
  }

  function finish(outcome) {
    if (framed && page.shop) {
      tellShop({ type: 'iamport-sandbox:done', rsp: outcome.rsp });
      return;
    }
    if (isWebAddress(outcome.redirect)) {
      location.replace(outcome.redirect);
      return;
    }
    document.getElementById('choices').hidden = true;
    if (!outcome.rsp) {
      say('결제되었지만 응답은 전달하지 않았습니다. 창을 닫으세요.', 'Paid, and the answer was lost. Close this window.');
    } else if (outcome.rsp.success) {
      say('결제되었습니다. 창을 닫으세요.', 'Paid. Close this window.');
    } else {
      say(outcome.rsp.error_msg, 'Not paid. Close this window.');
    }
  }

  function isWebAddress(address) {
    return URL.canParse(address) && ['http:', 'https:'].includes(new URL(address).protocol);
  }

  function setBusy(busy) {
    document.body.setAttribute('aria-busy', String(busy));
    for (const button of document.querySelectorAll('button')) button.disabled = busy;
  }

  function say(korean, english) {
    const small = document.createElement('small');
    small.lang = 'en';
    small.textContent = english;
    notice.replaceChildren(korean, ' ', small);
    notice.hidden = false;
  }
})();
