// Makes the payer pages quicker to use. Everything essential works without it.
'use strict';
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const each = (selector, act) => document.querySelectorAll(selector).forEach(act);
  const lang = document.documentElement.lang;
  const t = (persian, english) => lang === 'en' ? english : persian;
  const number = new Intl.NumberFormat(t('fa-IR', 'en-US'));
  const latin = text => text
    .replace(/[۰-۹]/g, c => c.charCodeAt(0) - 0x06f0)
    .replace(/[٠-٩]/g, c => c.charCodeAt(0) - 0x0660);
  const announce = text => { find('#announce').textContent = text; };
  const page = find('#payment');
  // Always by GET, also when this page answered a POST.
  const renew = () => location.replace(location.pathname + location.search);

  keepLanguage();

  each('[data-js]', element => { element.hidden = false; });
  each('.face img', image => { // what broke on the way; what is missing comes as a transparent dot
    const drop = () => { image.hidden = true; };
    if (image.complete && !image.naturalWidth) drop(); else image.addEventListener('error', drop);
  });
  each('[data-after]', element => setTimeout(() => { element.hidden = false; }, Number(element.dataset.after)));
  each('[data-print]', button => button.addEventListener('click', () => print()));
  each('[data-copy]', button => {
    if (!navigator.clipboard) { button.hidden = true; return; }
    button.addEventListener('click', async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      announce(t('رونوشت شد', 'Copied'));
      button.classList.add('done');
      setTimeout(() => button.classList.remove('done'), 1500);
    });
  });

  toBank();
  if (!page) return;
  countdown();
  watch();
  checkout();

  // A language chosen in the address holds for the tab, also when the bank sends the payer back without it.
  function keepLanguage() {
    try {
      const asked = new URLSearchParams(location.search).get('lang');
      const kept = sessionStorage.getItem('lang');
      if (asked === lang) sessionStorage.setItem('lang', lang);
      else if (kept && kept !== lang && find('#language')) location.replace(`${location.pathname}?lang=${encodeURIComponent(kept)}`);
    } catch { /* this browser keeps nothing */ }
  }

  function toBank() {
    const way = find('#to-bank');
    if (!way) return;
    // Going back from the bank should show the payment, not send it there again.
    history.replaceState(null, '', way.dataset.back);
    if (way.href) location.assign(way.href); else way.submit();
  }

  // The server's clock counts; the visitor's may be wrong by years.
  function countdown() {
    const label = find('[data-countdown]');
    if (!label) return;
    const { deadline, now } = page.dataset;
    const end = Date.parse(deadline) - Date.parse(now) + Date.now();
    const early = end > Date.now();
    const said = new Set();
    label.hidden = false;
    const timer = setInterval(tick, 250);
    tick();

    function tick() {
      const left = Math.max(0, Math.ceil((end - Date.now()) / 1000));
      label.textContent = clock(left);
      label.classList.toggle('late', left <= 120);
      for (const minutes of [1, 5]) {
        if (left <= minutes * 60 && left > minutes * 60 - 15) say(minutes, t(`${number.format(minutes)} دقیقه مانده است`, minutes > 1 ? `${minutes} minutes left` : 'One minute left'));
      }
      if (left > 0) return;
      clearInterval(timer);
      say(0, t('مهلت تمام شد', 'The time is over'));
      const button = find('#pay [type=submit]');
      if (button) button.disabled = true;
      // A page that came after its deadline waits longer, lest it reloads in a circle.
      setTimeout(renew, early ? 1000 : 5000);
    }
    function say(key, text) {
      if (!said.has(key)) announce(text);
      said.add(key);
    }
  }

  function clock(seconds) {
    const two = n => number.format(n).padStart(2, number.format(0));
    const hours = Math.floor(seconds / 3600);
    const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    return hours ? `${number.format(hours)}:${rest}` : rest;
  }

  // Asks the server until the state differs from the page's.
  function watch() {
    const every = Number(page.dataset.live);
    if (!every) return;
    let failures = 0;
    setTimeout(ask, every);

    async function ask() {
      try {
        const answer = await fetch(page.dataset.statusUrl, { cache: 'no-store', signal: AbortSignal.timeout(8000) });
        if (!answer.ok) throw new Error(answer.status);
        const { state, checking } = await answer.json();
        const shown = state === 'pending' && checking ? 'checking' : state;
        if (shown !== page.dataset.state) { renew(); return; }
        failures = 0;
      } catch {
        failures++;
        if (failures === 3) announce(t('ارتباط برقرار نیست؛ دوباره تلاش می‌کنیم', 'No connection; we keep trying'));
      }
      setTimeout(ask, every * Math.min(1 + failures, 5));
    }
  }

  function checkout() {
    const form = find('#pay');
    if (!form) return;
    const { tip, mobile } = form.elements;
    const button = find('[type=submit]', form);
    const words = find('[data-tip-words]');
    const hint = words.textContent;
    const total = find('[data-total] bdi');
    const amount = Number(find('[data-amount]').dataset.amount);
    const tidy = field => latin(field.value).replace(/[\s,٬،]/g, '');

    tip.addEventListener('input', show);
    each('[data-tip]', chip => chip.addEventListener('click', () => {
      tip.value = chip.dataset.tip && number.format(Number(chip.dataset.tip));
      show();
    }));
    mobile.addEventListener('input', () => mobile.setCustomValidity(
      /^(09\d{9})?$/.test(tidy(mobile)) ? '' : t('شمارهٔ موبایل یازده رقم است و با ۰۹ آغاز می‌شود.', 'A mobile number has eleven digits and begins with 09.')));
    form.addEventListener('submit', () => {
      tip.value = tidy(tip);
      mobile.value = tidy(mobile);
      button.setAttribute('aria-busy', 'true');
      // Disabled only after the form is on its way.
      setTimeout(() => { button.disabled = true; });
    });
    addEventListener('pageshow', event => { if (event.persisted) renew(); });
    show();

    function show() {
      const text = tidy(tip);
      const valid = /^\d{0,16}$/.test(text);
      const rial = valid ? Number(text) : 0;
      tip.setCustomValidity(valid ? '' : t('انعام را به ریال و فقط با رقم بنویسید.', 'Write the tip in rial, in digits only.'));
      words.textContent = rial ? t('برابر با ', 'That is ') + toman(rial) : hint;
      total.textContent = number.format(amount + rial);
      each('[data-tip]', chip => chip.setAttribute('aria-pressed', String(valid && chip.dataset.tip === (rial ? String(rial) : ''))));
    }
    function toman(rial) {
      const rest = rial % 10;
      const whole = number.format((rial - rest) / 10);
      return rest ? t(`${whole} تومان و ${number.format(rest)} ریال`, `${whole} toman and ${rest} rial`) : `${whole} ${t('تومان', 'toman')}`;
    }
  }
})();
