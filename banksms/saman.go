package banksms

// Saman says the direction twice, «واریز … به» and «برداشت … از», with the reason between.
var saman = []template{
	layout(Saman, "", "?{head}", `{dir} مبلغ~:?~{money}`, "?{note}", `(?:(?P<in>به)|(?P<out>از))(?: {label}| ){account}`, "?{bal}", "?{when}"),
}
