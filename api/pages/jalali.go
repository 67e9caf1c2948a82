package pages

import (
	"fmt"
	"time"
	_ "time/tzdata" // a bare machine has no zone data

	"github.com/paysaga/paysaga/money"
)

var tehran = loadTehran()

func loadTehran() *time.Location {
	zone, err := time.LoadLocation("Asia/Tehran")
	if err != nil {
		return time.FixedZone("Asia/Tehran", int((3*time.Hour+30*time.Minute)/time.Second))
	}
	return zone
}

var jalaliMonths = [...]string{1: "فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور",
	"مهر", "آبان", "آذر", "دی", "بهمن", "اسفند"}

// clock is the time of day in Tehran: ۱۴:۰۱.
func clock(l Lang, t time.Time) string { return digits(l, t.In(tehran).Format("15:04")) }

// dateAndClock is a moment in Tehran: ۲۴ اردیبهشت ۱۳۹۶، ساعت ۱۴:۰۱ or 14 May 2017, 14:01 Tehran time.
func dateAndClock(l Lang, t time.Time) string {
	if l == English {
		return t.In(tehran).Format("2 Jan 2006, 15:04") + " Tehran time"
	}
	year, month, day := jalali(t.In(tehran))
	return money.PersianDigits(fmt.Sprintf("%d %s %d، ساعت %s", day, jalaliMonths[month], year, clock(l, t)))
}

// deadline is how a sentence names a deadline: the time of day, with the date when it is not today's.
func deadline(l Lang, at, now time.Time) string {
	switch {
	case at.In(tehran).Format(time.DateOnly) != now.In(tehran).Format(time.DateOnly):
		return dateAndClock(l, at)
	case l == English:
		return clock(l, at) + " Tehran time"
	}
	return "ساعت " + clock(l, at)
}

// jalali is t's date in the Solar Hijri calendar. The 33-year rule it counts leap years by equals
// the astronomical calendar until 1502 (2123).
func jalali(t time.Time) (year, month, day int) {
	days := int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix()/86400) - jalaliEpoch
	year = 33*days/12053 + 1 // 33 years have 12053 days; off by one near a new year
	for newYear(year) > days {
		year--
	}
	for newYear(year+1) <= days {
		year++
	}
	left := days - newYear(year)
	if left < 6*31 {
		return year, left/31 + 1, left%31 + 1
	}
	left -= 6 * 31
	return year, left/30 + 7, left%30 + 1
}

// jalaliEpoch is the day that 1 Farvardin 1 falls on when the rule is followed back.
var jalaliEpoch = int(time.Date(622, 3, 21, 0, 0, 0, 0, time.UTC).Unix() / 86400)

// newYear is the number of days before 1 Farvardin of year.
func newYear(year int) int { return 365*(year-1) + (8*year+21)/33 }
