package sandbox

import (
	"fmt"
	"strings"

	"github.com/paysaga/paysaga/money"
)

// What can happen on an account.
const (
	kindDeposit  = "deposit"
	kindWithdraw = "withdraw"
	kindReversal = "reversal" // a credit by the bank itself, not a customer's money
)

var smsKinds = []string{kindDeposit, kindWithdraw, kindReversal}

// sms is what a bank's message tells. Each composer below prints it as that bank does, with the bank's
// own spaces and its mix of Arabic and Persian letters.
type sms struct {
	kind            string
	amount, balance money.Rial
	account         string
	card, payer     string // payer is empty when the bank does not know
	at              jalaliTime
	id              int64 // of the movement; makes reference numbers
}

// text is the message of a bank. A payer whom the layout has no place for comes in a last line.
func (b *smsBank) text(m sms) string {
	text := b.compose(m)
	if m.payer != "" && !b.payer {
		text += "\nاز کارت " + m.payer
	}
	return text
}

// word picks by what happened.
func (m sms) word(deposit, withdraw, reversal string) string {
	switch m.kind {
	case kindWithdraw:
		return withdraw
	case kindReversal:
		return reversal
	}
	return deposit
}

func (m sms) sign() string { return m.word("+", "-", "+") }

// note is a line that only a reversal has.
func (m sms) note(line string) []string {
	if m.kind == kindReversal {
		return []string{line}
	}
	return nil
}

func lines(all ...string) string { return strings.Join(all, "\n") }

func melli(m sms) string {
	return lines("بانك ملي ايران",
		fmt.Sprintf("%s:%s%s", m.word("انتقال", "برداشت", "اصـلاحيه"), m.amount, m.sign()),
		"حساب:"+m.account,
		"مانده:"+m.balance.String(),
		m.at.monthDay("")+"-"+m.at.clock())
}

func mellat(m sms) string {
	when := m.at.shortDate("/") + "-" + m.at.clock()
	if m.kind == kindReversal {
		return lines("واریز اصلاحیه", "حساب"+m.account, "مبلغ"+m.amount.String(), "مانده"+m.balance.String(), when)
	}
	return lines("حساب"+m.account, m.word("واریز", "برداشت", "")+m.amount.String(), "مانده"+m.balance.String(), when)
}

func tejarat(m sms) string {
	return strings.Join([]string{"*بانک تجارت*",
		"حساب: " + m.account,
		fmt.Sprintf("%s: %s ریال", m.word("واریز", "برداشت", "واریز"), m.amount),
		"از طريق: " + m.word("شتاب", "پایانه فروش", "اصلاحیه سند"),
		fmt.Sprintf("مانده: %s ریال", m.balance),
		m.at.date("/"),
		m.at.clock()}, "  \n")
}

func saderat(m sms) string {
	return lines(fmt.Sprintf("%s: %s%s", m.word("انتقال", "پايانه فروش", "اصلاحيه"), m.amount, m.sign()),
		"حساب:"+m.account,
		"مانده:"+m.balance.String(),
		m.at.monthDay("")+" - "+m.at.clock())
}

// parsian says who paid, when it knows.
func parsian(m sms) string {
	amount, why := m.amount.String()+m.sign(), m.note("بابت :اصلاحیه")
	if m.kind == kindDeposit && m.payer != "" {
		amount = "+" + m.amount.String()
		why = []string{fmt.Sprintf("بابت :انتقال از کارت %s به کارت %s با شماره بازیابی %d با شماره پیگیری %06d",
			m.payer, m.card, firstRRN+m.id, 100_000+m.id%900_000)}
	}
	return lines(append([]string{m.account, "مبلغ:" + amount, "مانده:" + m.balance.String(), m.at.monthDay("/"), m.at.clock()}, why...)...)
}

func saman(m sms) string {
	date := fmt.Sprintf("%d/%d/%d", m.at.year, m.at.month, m.at.day)
	if m.kind == kindWithdraw {
		return lines("بانك سامان", fmt.Sprintf("برداشت مبلغ %s انتقال وجه", m.amount), "از "+m.account,
			"مانده "+m.balance.String(), date, m.at.seconds())
	}
	return lines("بانك سامان", fmt.Sprintf("واريز مبلغ  %sريال", m.amount)+m.word("", "", " اصلاحيه"), "به  "+m.account,
		"مانده "+m.balance.String(), date, m.at.clock())
}

// blu speaks to its customer, names no account, and prints only the time in Persian digits.
func blu(m sms) string {
	return lines("بلو", m.word("واریز پول", "برداشت پول", "اصلاحیه"),
		fmt.Sprintf("سارا عزیز، %s ریال %s", m.amount, m.word("به حساب شما نشست.", "از حساب شما پرید.", "بابت اصلاحیه به حساب شما نشست.")),
		fmt.Sprintf("موجودی: %s ریال", m.balance),
		money.PersianDigits(fmt.Sprintf("%d:%02d", m.at.hour, m.at.minute)),
		money.PersianDigits(m.at.date(".")))
}

func pasargad(m sms) string { return strings.Join(dotted(m), "\n") }

func resalat(m sms) string { return strings.Join(dotted(m), " \n") }

// dotted is the layout two banks share.
func dotted(m sms) []string {
	return append([]string{m.account, m.sign() + m.amount.String(), m.at.monthDay("/") + "_" + m.at.clock(), "مانده: " + m.balance.String()},
		m.note("اصلاحیه")...)
}

func refah(m sms) string {
	return lines("بانک رفاه", "حساب"+m.account,
		m.word("کارت", "خرید", "اصلاحیه")+m.amount.String()+m.sign(),
		"مانده"+m.balance.String(),
		m.at.monthDay("/")+"-"+m.at.clock())
}

// sepah wraps the account of a withdrawal in invisible marks and leaves out its date.
func sepah(m sms) string {
	if m.kind == kindWithdraw {
		return lines("بانک سپه", "برداشت:"+m.amount.String(), "حساب :\u202a"+m.account+"\u202c", "مانده:"+m.balance.String())
	}
	return lines("بانک سپه",
		fmt.Sprintf("%s:%sريال", m.word("واريز", "", "اصلاحيه"), m.amount),
		"حساب:"+m.account,
		"مانده:"+m.balance.String(),
		fmt.Sprintf("%d/%d-%s", m.at.month, m.at.day, m.at.clock()))
}

func keshavarzi(m sms) string {
	return lines(m.word("واریز", "برداشت", "اصلاحیه")+m.amount.String(),
		"مانده"+m.balance.String(),
		m.at.shortDate("")+"-"+m.at.clock(),
		"کارت"+strings.Trim(m.account, "*")+"*",
		"bki. ir")
}

func maskan(m sms) string {
	return lines(m.word("انتقال اینترنت:", "انتقال: ", "اصلاحیه:")+m.sign()+m.amount.String()+m.word("", " ", ""),
		"حساب:"+m.account,
		"مانده:"+m.balance.String(),
		m.at.monthDay("")+"-"+m.at.clock())
}

func shahr(m sms) string {
	return lines("*بانک شهر*", m.word("انتقال وجه کارتي", "انتقال وجه کارتی", "اصلاحيه"),
		m.word("واريز به:", "برداشت از:", "واريز به:")+m.account,
		fmt.Sprintf("مبلغ:%sريال", m.amount),
		fmt.Sprintf("موجودي:%sريال", m.balance),
		m.at.date("/")+" "+m.at.seconds())
}

func gardeshgari(m sms) string {
	return lines("*بانک گردشگری*", m.word("کارت", "کارت", "سند برگشت عملیات"),
		m.word("واریز به: ", "برداشت از: ", "واریز به: ")+m.account,
		fmt.Sprintf("مبلغ: %s ریال", m.amount),
		m.at.shortDate("/")+"_"+m.at.clock(),
		fmt.Sprintf("موجودی: %s ریال", m.balance))
}

func mehrIran(m sms) string {
	return lines(append([]string{m.account, m.amount.String() + m.sign(),
		fmt.Sprintf("%d/%d/%d-%d:%02d", m.at.year, m.at.month, m.at.day, m.at.hour, m.at.minute),
		"مانده:" + m.balance.String()}, m.note("اصلاحیه")...)...)
}

func postBank(m sms) string {
	return lines("پست بانک", m.word("واريز به", "برداشت از", "اصلاحيه")+" کارت: "+m.account,
		m.sign()+m.amount.String(),
		fmt.Sprintf("%d/%02d/%d", m.at.year, m.at.month, m.at.day),
		fmt.Sprintf("%d:%02d", m.at.hour, m.at.minute),
		fmt.Sprintf("مانده: %s ريال", m.balance))
}

// khavarmianeh orders its lines anew when it describes what happened. Of the payer it tells four digits.
func khavarmianeh(m sms) string {
	amount, balance := m.sign()+m.amount.String(), "مانده "+m.balance.String()
	if m.kind == kindDeposit && m.payer == "" {
		return lines("بانک خاورمیانه", m.account, amount, m.at.monthDay("/"), m.at.clock(), balance)
	}
	what := m.word("انتقال از اینترنت بانک از کارت ", "برداشت وجه از خودپرداز", "اصلاحیه تراکنش")
	if m.kind == kindDeposit {
		what += m.payer[len(m.payer)-4:]
	}
	return lines("بانک خاورمیانه", what, amount, m.account, balance, m.at.monthDay("/"), m.at.clock())
}

// eghtesadNovin ends with the number of its call centre.
func eghtesadNovin(m sms) string {
	return lines(m.word("واریز", "برداشت", "اصلاحیه")+": "+m.account,
		fmt.Sprintf("%s%sريال", m.sign(), m.amount),
		fmt.Sprintf("مانده:%sريال", m.balance),
		fmt.Sprintf("%d/%d-%s", m.at.month, m.at.day, m.at.clock()),
		"مرکزآواي نوين:02162740")
}

// ayandeh is the one that counts in toman; its message is one line of Persian digits.
func ayandeh(m sms) string {
	return toPersian.Replace(fmt.Sprintf("بانک آینده %s %s تومان %s حساب %s مانده %s تومان %s",
		m.word("واریز", "برداشت", "اصلاحیه واریز"), m.amount/10, m.word("به", "از", "به"), m.account, m.balance/10, m.at.date("/")))
}
