package banksms

// Blu writes sentences: money «نشست» on the account or «پرید» from it. It prints no account.
var blu = []template{
	layout(Blu, `نشست|پرید|حساب شما برگشت`, "?{head}", "?{note}",
		`(?:(?P<greeting>[^\d\n]*?)عزیز~[,!]?~)?{money}(?: (?P<note>[^\d\n]+?))? (?:به (?:حساب|کارت)\p{L}*(?: شما| بلو\p{L}*)? (?P<in>نشست|واریز شد|(?P<note>برگشت))|از (?:حساب|کارت)\p{L}*(?: شما| بلو\p{L}*)? (?P<out>پرید|برداشت شد|کسر شد))~[.!]?`,
		"?{bal}", "?{when}"),
}
