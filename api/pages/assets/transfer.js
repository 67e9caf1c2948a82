// Makes the card-to-card page live. Everything essential works without it.
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
  const page = find('#transfer');
  const path = page.dataset.statusUrl.replace(/\/status$/, '');
  const renew = () => location.replace(path + location.search);
  const setClock = countdown();

  keepLanguage();

  // A page that answered the card form stands at the form's address; reloading must not send it again.
  if (location.pathname !== path) history.replaceState(null, '', path + location.search);
  each('[data-js]', element => { element.hidden = false; });
  each('.face img', image => { // what broke on the way; what is missing comes as a transparent dot
    const drop = () => { image.hidden = true; };
    if (image.complete && !image.naturalWidth) drop(); else image.addEventListener('error', drop);
  });
  each('[data-print]', button => button.addEventListener('click', () => print()));
  each('[data-copy]', button => button.addEventListener('click', () => copy(button)));
  addEventListener('pageshow', event => { if (event.persisted) renew(); });
  watch();
  payerCard();
  goBack();

  // A language chosen in the address holds for the tab, also when the bank sends the payer back without it.
  function keepLanguage() {
    try {
      const asked = new URLSearchParams(location.search).get('lang');
      const kept = sessionStorage.getItem('lang');
      if (asked === lang) sessionStorage.setItem('lang', lang);
      else if (kept && kept !== lang && find('#language')) location.replace(`${location.pathname}?lang=${encodeURIComponent(kept)}`);
    } catch { /* this browser keeps nothing */ }
  }

  // The same words twice in a row are read out twice only when the place was empty between them.
  function announce(text) {
    const place = find('#announce');
    place.textContent = '';
    setTimeout(() => { place.textContent = text; }, 50);
  }

  async function copy(button) {
    const label = find('span', button);
    button.dataset.label ??= label.textContent;
    if (!await write(button.dataset.copy)) { select(button); return; }
    announce(button.dataset.copied);
    label.textContent = button.dataset.copied;
    button.classList.add('done');
    clearTimeout(button.timer);
    button.timer = setTimeout(() => {
      label.textContent = button.dataset.label;
      button.classList.remove('done');
    }, 2000);
  }

  // Puts what could not be copied in the button's place, selected, for the payer to copy.
  function select(button) {
    const box = document.createElement('span');
    const field = document.createElement('input');
    box.className = 'box';
    field.type = 'text';
    field.readOnly = true;
    field.value = button.dataset.copy;
    field.setAttribute('aria-label', button.dataset.label);
    box.append(field);
    button.replaceWith(box);
    field.focus();
    field.select();
    announce(t('رونوشت نشد؛ رقم انتخاب شده است، خودتان آن را رونوشت کنید.', 'Not copied; the figure is selected, copy it yourself.'));
  }

  // Not every browser inside an app has a clipboard for pages; most can copy what is selected.
  async function write(text) {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      const field = document.createElement('textarea');
      field.value = text;
      field.readOnly = true;
      field.className = 'unseen';
      const focused = document.activeElement;
      document.body.append(field);
      field.select();
      let copied = false;
      try { copied = document.execCommand('copy'); } catch { /* not here either */ }
      field.remove();
      focused?.focus();
      return copied;
    }
  }

  // The server's clock counts; the visitor's may be wrong by years. Answers how to set it again.
  function countdown() {
    const label = find('[data-countdown]');
    if (!label) return () => {};
    let end = 0;
    set(page.dataset);
    const said = new Set();
    label.hidden = false;
    const timer = setInterval(tick, 250);
    tick();
    return set;

    function set({ deadline, now }) {
      const at = Date.parse(deadline) - Date.parse(now) + Date.now();
      if (Math.abs(at - end) > 2000) end = at; // less is the network's doing
    }
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
      setTimeout(renew, 1000);
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

  // Asks the server until the state differs from the page's: at once when the payer comes back from
  // the banking app, seldom while they are away, ever more seldom once the time is over.
  function watch() {
    const every = Number(page.dataset.live);
    if (!every) return;
    const waiting = find('[data-waiting]');
    const hope = waiting?.textContent;
    const open = find('[data-countdown]') !== null;
    let timer, asking = false, failures = 0, pause = every;
    plan();
    for (const name of ['focus', 'online']) addEventListener(name, ask);
    document.addEventListener('visibilitychange', () => { if (!document.hidden) ask(); });

    function plan() {
      clearTimeout(timer);
      timer = setTimeout(ask, Math.min(pause * (1 + failures) * (document.hidden ? 4 : 1), 60_000));
    }
    async function ask() {
      if (asking) return;
      asking = true;
      try {
        const answer = await fetch(page.dataset.statusUrl, { cache: 'no-store', signal: AbortSignal.timeout(8000) });
        if (!answer.ok) throw new Error(answer.status);
        const now = await answer.json();
        if (now.state !== page.dataset.state) { renew(); return; }
        setClock(now);
        failures = 0;
        if (!open) pause *= 1.1;
      } catch {
        failures++;
      }
      asking = false;
      tell();
      plan();
    }
    function tell() {
      if (!waiting || (failures > 0 && failures < 3)) return;
      const text = failures ? t('ارتباط برقرار نیست؛ دوباره تلاش می‌کنیم. پولی که فرستاده‌اید گم نمی‌شود.', 'No connection; we keep trying. Money that you have sent is not lost.') : hope;
      if (waiting.textContent === text) return;
      waiting.textContent = text;
      waiting.parentElement.classList.toggle('broken', failures > 0);
      announce(text);
    }
  }

  function payerCard() {
    const form = find('#payer-card');
    if (!form) return;
    const { card } = form.elements;
    const button = find('[type=submit]', form);
    const tidy = () => latin(card.value).replace(/[\s\u200c\u200e\u200f-]/g, '');

    card.addEventListener('input', () => card.setCustomValidity(
      isCard(tidy()) ? '' : t('شمارهٔ کارت شانزده رقم است؛ رقم‌ها را با کارت مقایسه کنید.', 'A card number has sixteen digits; compare them with your card.')));
    form.addEventListener('submit', () => {
      card.value = tidy();
      button.setAttribute('aria-busy', 'true');
      // Disabled only after the form is on its way.
      setTimeout(() => { button.disabled = true; });
    });
  }

  // Sixteen digits whose last one checks the others.
  function isCard(number) {
    const sum = [...number].reduce((all, digit, i) => {
      const n = Number(digit) * (i % 2 ? 1 : 2);
      return all + (n > 9 ? n - 9 : n);
    }, 0);
    return /^\d{16}$/.test(number) && sum % 10 === 0;
  }

  // Takes a payer who has paid back to the merchant, once: who comes here again wants the receipt.
  function goBack() {
    const line = find('[data-going]');
    if (!line) return;
    const key = `returned ${path}`;
    try {
      if (sessionStorage.getItem(key)) return;
    } catch {
      return; // this visit could not be told from the next
    }
    const done = () => { clearInterval(timer); sessionStorage.setItem(key, 'yes'); };
    let left = 5;
    line.hidden = false;
    find('[data-stay]').addEventListener('click', () => {
      done();
      line.hidden = true;
      find('#return').focus();
    });
    show();
    const timer = setInterval(() => {
      left--;
      if (left > 0) { show(); return; }
      done();
      location.assign(find('#return').href);
    }, 1000);

    function show() { find('[data-going-left]').textContent = number.format(left); }
  }
})();
