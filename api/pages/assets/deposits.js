// The operators' page of deposits without an owner. Whatever the API answers is shown as text only.
'use strict';
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const keyForm = find('#key');
  const list = find('#list');
  const table = find('table', list);
  const more = find('#more');
  const minute = 60_000;
  const lang = document.documentElement.lang;
  const t = (persian, english) => lang === 'en' ? english : persian;
  const locale = t('fa-IR', 'en-US');
  const number = new Intl.NumberFormat(locale);
  const count = new Intl.NumberFormat(locale, { useGrouping: false }).format;
  const ltr = text => `\u2066${text}\u2069`; // numbers with dashes keep their order in Persian
  const latin = text => text.replace(/[۰-۹]/g, c => c.charCodeAt(0) - 0x06f0);
  const zone = { timeZone: 'Asia/Tehran' };
  const moment = new Intl.DateTimeFormat(t('fa-IR', 'sv-SE'), { ...zone, dateStyle: 'short', timeStyle: 'medium' });
  const clock = new Intl.DateTimeFormat(t('fa-IR', 'sv-SE'), { ...zone, timeStyle: 'medium' });
  // The same day in the other calendar.
  const otherDay = t(new Intl.DateTimeFormat('sv-SE', { ...zone, dateStyle: 'short' }),
    new Intl.DateTimeFormat('en-US-u-ca-persian-nu-latn', { ...zone, day: 'numeric', month: 'long', year: 'numeric' }));

  const reasons = {
    no_transfer: t('هیچ پرداختی منتظر این مبلغ نیست', 'No transfer waits for this amount'),
    already_paid: t('پرداختش پیش‌تر پرداخت شده است', 'Its transfer is paid already'),
    late: t('پس از مهلت پرداختش رسید', 'Paid after its transfer\'s time'),
    too_early: t('پیش از ساخته شدن پرداختش رسید', 'Paid before its transfer was made'),
    several: t('می‌تواند از آنِ چند پرداخت باشد', 'Several transfers could own it'),
    other_card: t('مبلغ می‌خواند، ولی به کارت دیگری رسید', 'The amount fits, but it arrived on another card'),
    unknown_account: t('به حسابی رسید که از آنِ هیچ کارت مقصدی نیست', 'It arrived on an account that is no destination card\'s'),
    payer_mismatch: t('از کارتی جز کارت ثبت‌شدهٔ پرداخت‌کننده رسید', 'Paid from another card than the payer registered'),
    unknown_layout: t('شکل پیامک شناخته نیست', 'The SMS has a layout that is not known'),
    unknown_sender: t('پیامک از شماره‌ای است که از آنِ هیچ بانکی نیست', 'The SMS came from a number that is no bank\'s'),
    sender_of_other_bank: t('پیامک به یک بانک می‌ماند و از شمارهٔ بانک دیگری است', 'The SMS looks like one bank\'s and came from another\'s number'),
    phone_number_sender: t('پیامک از شمارهٔ یک شخص است', 'The SMS came from a person\'s phone number'),
  };
  const whys = {
    same_amount: t('همین مبلغ', 'same amount'),
    price: t('مبلغ فاکتور، بی ریال‌های افزوده', 'its price without the added rials'),
    times_ten: t('ده برابر: تومان و ریال جابه‌جا شده', 'ten times as much: toman and rial mixed up'),
    tenth: t('یک‌دهم: تومان و ریال جابه‌جا شده', 'a tenth: toman and rial mixed up'),
    near: t('نزدیک به همین', 'nearly the same'),
  };
  const recorded = {
    assign: t('داده شد', 'assigned'), refund: t('برگشت‌داده ثبت شد', 'recorded as refunded'), ignore: t('کنار گذاشته شد', 'ignored'),
  };
  const states = {
    pending: t('در انتظار', 'pending'), paid: t('پرداخت‌شده', 'paid'), verified: t('تأییدشده', 'verified'),
    expired: t('مهلت‌گذشته', 'expired'), mismatched: t('از کارت دیگر', 'mismatched'),
  };

  // What the tab remembers; a browser that keeps nothing asks again.
  const memory = {
    get(name) { try { return sessionStorage.getItem(name) ?? ''; } catch { return ''; } },
    set(name, value) { try { sessionStorage.setItem(name, value); } catch { /* asks again */ } },
    drop(name) { try { sessionStorage.removeItem(name); } catch { /* nothing was kept */ } },
  };
  let key = memory.get('key');
  let load = 0; // the latest request for the list; answers to earlier ones are dropped
  let next = '';

  keyForm.addEventListener('submit', event => {
    event.preventDefault();
    key = keyForm.elements.key.value.trim();
    memory.set('key', key);
    keyForm.reset();
    tell('');
    open();
  });
  find('#forget').addEventListener('click', () => { tell(''); forget(); });
  find('#reload').addEventListener('click', () => { tell(''); show(); });
  find('#state').addEventListener('change', () => { tell(''); show(); });
  more.addEventListener('click', () => show(next));
  open();

  function open() {
    keyForm.hidden = key !== '';
    list.hidden = key === '';
    if (key) show(); else find('input', keyForm).focus();
  }

  function forget() {
    key = '';
    load++;
    memory.drop('key');
    clear();
    open();
  }

  function clear() { table.querySelectorAll('tbody').forEach(body => body.remove()); }

  function tell(text, mood = 'bad') {
    const place = find('#message');
    place.hidden = text === '';
    place.className = `note ${mood}`;
    place.textContent = text;
  }

  // call answers the API's JSON, or throws an Error to be shown, with the HTTP status.
  async function call(path, options = {}) {
    let answer;
    try {
      answer = await fetch(path, {
        ...options, cache: 'no-store', signal: AbortSignal.timeout(15_000),
        headers: { ...options.headers, Accept: 'application/json', token: key },
      });
    } catch {
      throw new Error(t('به سرور نمی‌رسیم و معلوم نیست آنچه فرستاده شد رسیده باشد: پیش از تلاش دوباره فهرست را تازه کنید.',
        'The server cannot be reached. Whether it took what was sent is unknown: reload the list before you try again.'));
    }
    const body = await answer.json().catch(() => ({}));
    if (answer.ok && body.status !== false) return body;
    const error = new Error(`${body.msg || t('سرور بی آنکه بگوید چرا، نپذیرفت.', 'The server refused without saying why.')} (HTTP ${answer.status})`);
    error.status = answer.status;
    throw error;
  }

  function refused(error) {
    if (error.status !== 401 && error.status !== 403) return false;
    forget();
    tell(t('این کلید پذیرفته نشد: ', 'This key was refused: ') + error.message);
    return true;
  }

  async function show(before = '') {
    const mine = ++load;
    const query = new URLSearchParams({ state: find('#state').value });
    if (before) query.set('before', before);
    list.setAttribute('aria-busy', 'true');
    more.disabled = true;
    try {
      const page = await call(`/api/deposits?${query}`);
      if (mine !== load) return;
      if (!before) clear();
      table.append(...page.deposits.map(row));
      next = page.next || '';
      more.hidden = next === '';
      find('#empty').hidden = find('tbody', table) !== null;
      table.hidden = !find('#empty').hidden;
    } catch (error) {
      if (mine === load && !refused(error)) tell(error.message);
    } finally {
      if (mine === load) {
        list.removeAttribute('aria-busy');
        more.disabled = false;
      }
    }
  }

  // fill sets the texts of a copied template; an empty one takes its element away.
  function fill(root, texts) {
    for (const [name, text] of Object.entries(texts)) {
      const element = find(`[data-show="${name}"]`, root);
      if (text) element.textContent = text; else element.remove();
    }
  }

  function row(d) {
    const body = find('#deposit').content.cloneNode(true).firstElementChild;
    const at = new Date(d.at);
    body.dataset.deposit = d.id;
    fill(body, {
      id: `#${count(d.id)}`,
      merchant: d.merchant,
      at: moment.format(at),
      jalali: otherDay.format(at).replace(/ AP$/, ''),
      arrived: late(at, new Date(d.received_at)),
      bank: d.bank_name || d.bank || t('بانک ناشناس', 'Unknown bank'),
      account: d.account && `${t('حساب', 'account')} ${ltr(d.account)}`,
      payer: d.payer_card && `${t('از کارت', 'from card')} ${ltr(d.payer_card)}`,
      amount: number.format(d.amount),
      balance: d.balance == null ? '' : `${t('مانده', 'balance')} ${number.format(d.balance)}`,
      reason: d.reason ? reasons[d.reason] ?? d.reason : '–',
      transfer: d.transfer == null ? '' : `${t('پرداخت', 'transfer')} ${count(d.transfer)}`,
      due: d.resolved ? outcome(d.resolved) : due(d),
    });
    find('time', body).dateTime = d.at;
    find('[data-show="due"]', body).classList.toggle('overdue', d.overdue && !d.resolved);
    saga(find('[data-saga]', body), d.saga_link);
    const button = find('[data-open]', body);
    if (d.state !== 'suspense') { button.remove(); find('.more', body).remove(); return body; }
    button.addEventListener('click', () => {
      const details = find('.more', body);
      details.hidden = !details.hidden;
      button.setAttribute('aria-expanded', String(!details.hidden));
    });
    resolution(body, d);
    return body;
  }

  function saga(link, address) {
    if (/^https?:[/][/]/i.test(address ?? '')) link.href = address; else link.remove();
  }

  function late(at, received) {
    const minutes = Math.round((received - at) / minute);
    return minutes < 1 ? `${t('پیامک ساعت', 'SMS at')} ${clock.format(received)}` : t(`پیامک ${span(minutes)} دیرتر`, `SMS ${span(minutes)} later`);
  }

  function due(d) {
    const minutes = Math.round((new Date(d.resolve_by) - Date.now()) / minute);
    const time = span(Math.abs(minutes));
    if (d.overdue) return t(`${time} گذشته`, `overdue by ${time}`);
    return minutes < 1 ? t('همین حالا', 'now') : t(`تا ${time} دیگر`, `in ${time}`);
  }

  function outcome(r) {
    const reference = r.reference ? ` (${t('پیگیری', 'reference')} ${ltr(r.reference)})` : '';
    const what = recorded[r.action] ?? r.action;
    return `${t(`${what} به دست`, `${what} by`)} ${r.by}, ${moment.format(new Date(r.at))}: ${r.reason}${reference}`;
  }

  function span(minutes) {
    if (minutes < 120) return `${count(minutes)} ${t('دقیقه', 'min')}`;
    return minutes < 48 * 60 ? `${count(Math.round(minutes / 60))} ${t('ساعت', 'h')}` : `${count(Math.round(minutes / 1440))} ${t('روز', 'days')}`;
  }

  function resolution(body, d) {
    const form = find('.resolve', body);
    const { action, pay_id: payId, by } = form.elements;
    const suggestions = d.suggestions ?? [];
    find('.suggested', body).hidden = suggestions.length === 0;
    find('[data-none]', body).hidden = suggestions.length > 0;
    find('.suggested ul', body).append(...suggestions.map(s => suggestion(s, d, () => {
      action.value = 'assign';
      payId.value = s.pay_id;
      fields();
      (by.value ? form.elements.reason : by).focus();
    })));
    by.value = memory.get('by');
    form.addEventListener('change', fields);
    form.addEventListener('submit', event => { event.preventDefault(); resolve(form, d); });
    fields();

    function fields() {
      for (const label of form.querySelectorAll('[data-for]')) label.hidden = label.dataset.for !== action.value;
      payId.required = action.value === 'assign';
      payId.disabled = !payId.required; // what is hidden is not checked
    }
  }

  function suggestion(s, d, use) {
    const item = find('#suggestion').content.cloneNode(true).firstElementChild;
    fill(item, {
      pay_id: `${t('پرداخت', 'Transfer')} ${count(s.pay_id)}`,
      what: `${rial(s.amount)}${t('،', ',')} ${difference(s, d)}`,
      about: [whys[s.why] ?? s.why, `${t('فاکتور', 'invoice')} ${count(s.fid)}`, states[s.state] ?? s.state,
        `${t('ساخت', 'made')} ${moment.format(new Date(s.created_at))}`].join(t('؛ ', '; ')),
    });
    find('button', item).addEventListener('click', use);
    find('button', item).setAttribute('aria-label', `${t('همین پرداخت', 'Use transfer')} ${count(s.pay_id)}`);
    return item;
  }

  function rial(amount) { return `${number.format(amount)} ${t('ریال', 'rial')}`; }

  function difference(s, d) {
    const more = s.amount - d.amount;
    if (more === 0) return t('درست همین مبلغ', 'exactly this amount');
    const by = number.format(Math.abs(more));
    return more > 0 ? t(`${by} بیشتر از واریز`, `${by} more than the deposit`) : t(`${by} کمتر از واریز`, `${by} less than the deposit`);
  }

  async function resolve(form, d) {
    const { action, pay_id: payId, by, reason, reference } = form.elements;
    const problem = find('.error', form);
    const button = find('[type=submit]', form);
    const sent = { action: action.value, by: by.value.trim(), reason: reason.value.trim() };
    if (sent.action === 'assign') sent.pay_id = Number(latin(payId.value));
    if (sent.action === 'refund') sent.reference = reference.value.trim();
    problem.hidden = true;
    if (!sent.by || !sent.reason) { fail(t('نام شما و دلیل در تاریخچه می‌ماند؛ هر دو لازم است.', 'Your name and a reason stay in the history; both are needed.')); return; }
    if (!await confirmed(sent, d)) return;

    memory.set('by', sent.by);
    button.disabled = true;
    try {
      await call(`/api/deposits/${d.id}/resolve`, {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(sent),
      });
      const whose = sent.action === 'assign' ? t(` به پرداخت ${count(sent.pay_id)}`, ` to transfer ${sent.pay_id}`) : '';
      tell(t(`واریز #${count(d.id)}${whose} ${recorded[sent.action]}.`, `Deposit #${d.id} was ${recorded[sent.action]}${whose}.`), 'good');
      show();
    } catch (error) {
      button.disabled = false;
      if (refused(error)) return;
      fail(error.status === 409 ? t('ثبت نشد؛ شاید کسی زودتر بوده است. فهرست را تازه کنید. ', 'Not recorded; somebody may have been faster. Reload the list. ') + error.message : error.message);
    }

    function fail(text) {
      problem.textContent = text;
      problem.hidden = false;
    }
  }

  function confirmed(sent, d) {
    const dialog = find('#confirm');
    const amount = rial(d.amount);
    const to = count(sent.pay_id ?? 0);
    const which = `#${count(d.id)}`;
    const chosen = d.suggestions?.find(s => s.pay_id === sent.pay_id);
    const warning = find('#warning');
    find('#question').textContent = {
      assign: t(`واریز ${which} به مبلغ ${amount} به پرداخت ${to} داده شود؟ فروشنده کالا را تحویل می‌دهد.`,
        `Give deposit ${which} of ${amount} to transfer ${to}? The merchant will deliver.`),
      refund: t(`ثبت شود که واریز ${which} به مبلغ ${amount} پس فرستاده شد؟ این کار پولی جابه‌جا نمی‌کند.`,
        `Record that deposit ${which} of ${amount} was sent back? No money is moved by this.`),
      ignore: t(`واریز ${which} به مبلغ ${amount} کنار گذاشته شود؟ دیگر از کسی دربارهٔ آن پرسیده نمی‌شود.`,
        `Ignore deposit ${which} of ${amount}? Nobody will be asked about it again.`),
    }[sent.action];
    warning.textContent = !chosen ? t('این پرداخت در پیشنهادها نیست.', 'This transfer is not among the suggestions.')
      : t(`پرداختش منتظر ${rial(chosen.amount)} است: ${difference(chosen, d)}.`, `Its transfer waits for ${rial(chosen.amount)}: ${difference(chosen, d)}.`);
    warning.hidden = sent.action !== 'assign' || chosen?.amount === d.amount;
    dialog.returnValue = '';
    dialog.showModal();
    find('[value=no]', dialog).focus();
    return new Promise(answer => {
      dialog.addEventListener('close', () => answer(dialog.returnValue === 'yes'), { once: true });
    });
  }
})();
