package banksms

import (
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a bare machine has no zone data
)

var tehran = loadTehran()

// months are the names of the Solar Hijri months, in normalised letters.
var months = []string{"فروردین", "اردیبهشت", "خرداد", "تیر", "مرداد", "شهریور", "مهر", "ابان", "اذر", "دی", "بهمن", "اسفند"}

func loadTehran() *time.Location {
	zone, err := time.LoadLocation("Asia/Tehran")
	if err != nil {
		return time.FixedZone("Asia/Tehran", int((3*time.Hour+30*time.Minute)/time.Second))
	}
	return zone
}

// A bank's clock and the phone's may differ, and a message cannot be older than itself.
const (
	dateSkew  = 24 * time.Hour   // a date without a year is not later than tomorrow
	clockSkew = 15 * time.Minute // a time without a date is not later than this
)

// day is a date as printed: Jalali, or Gregorian when the year says so. Year 0 means none was printed.
type day struct{ year, month, day int }

// instant resolves a printed date and time; either may be empty. An unreadable part counts as not printed.
func instant(date, clock string, received time.Time) (at time.Time, hasDate, hasTime bool) {
	hour, minute, second, hasTime := readClock(clock)
	if !received.IsZero() {
		received = received.In(tehran)
	}
	var on time.Time // UTC midnight of the civil date
	for _, d := range readDate(date) {
		if received.IsZero() && d.year <= 100 {
			continue
		}
		if d.year > 0 && d.year <= 100 {
			d.year = nearestCentury(d.year, received)
		}
		if d.year == 0 {
			on, hasDate = newestDay(d, received.Add(dateSkew))
		} else {
			on, hasDate = d.civil()
		}
		if hasDate {
			break
		}
	}
	moment := func(day time.Time) time.Time {
		return time.Date(day.Year(), day.Month(), day.Day(), hour, minute, second, 0, tehran)
	}
	switch {
	case hasDate:
		return moment(on).UTC(), true, hasTime
	case hasTime && !received.IsZero():
		at = moment(received)
		switch limit := received.Add(clockSkew); {
		case at.After(limit):
			at = moment(received.AddDate(0, 0, -1))
		case !moment(received.AddDate(0, 0, 1)).After(limit): // just before midnight
			at = moment(received.AddDate(0, 0, 1))
		}
		return at.UTC(), false, true
	}
	return time.Time{}, false, hasTime
}

func readClock(text string) (hour, minute, second int, ok bool) {
	if text == "" {
		return 0, 0, 0, false
	}
	part := [3]int{}
	for i, s := range strings.Split(text, ":") {
		n, err := strconv.Atoi(s)
		if err != nil || i > 2 {
			return 0, 0, 0, false
		}
		part[i] = n
	}
	if part[0] > 23 || part[1] > 59 || part[2] > 59 {
		return 0, 0, 0, false
	}
	return part[0], part[1], part[2], true
}

// readDate gives the readings of a date, the likeliest first. Known forms: 1405/5/15, 05/06/28, 5/8, and without
// marks 14050515, 050627, 0515. One bank was seen to print 06/27/05, month first.
func readDate(text string) []day {
	for i, name := range months { // 5 ابان 1405
		if before, after, ok := strings.Cut(text, " "+name+" "); ok {
			text = before + "/" + strconv.Itoa(i+1) + "/" + after
			break
		}
	}
	var n []int
	parts := strings.FieldsFunc(text, func(c rune) bool { return c < '0' || c > '9' })
	if len(parts) == 1 {
		parts = splitCompact(parts[0])
	}
	for _, s := range parts {
		v, err := strconv.Atoi(s)
		if err != nil {
			return nil
		}
		n = append(n, v)
	}
	switch {
	case len(n) == 2:
		return []day{{0, n[0], n[1]}}
	case len(n) != 3:
		return nil
	case n[2] > 31:
		return []day{{n[2], n[1], n[0]}, {n[2], n[0], n[1]}}
	case n[0] > 31:
		return []day{{n[0], n[1], n[2]}}
	}
	for i := range n { // year 00 is a year, not a missing one
		if n[i] == 0 {
			n[i] = 100
		}
	}
	return []day{{n[0], n[1], n[2]}, {n[2], n[0], n[1]}}
}

func splitCompact(digits string) []string {
	switch len(digits) {
	case 8:
		return []string{digits[:4], digits[4:6], digits[6:]}
	case 6:
		return []string{digits[:2], digits[2:4], digits[4:]}
	case 4:
		return []string{digits[:2], digits[2:]}
	}
	return nil
}

// nearestCentury completes a two-digit Jalali year so that it lies nearest to the message.
func nearestCentury(year int, received time.Time) int {
	now, _, _ := jalali(received)
	best := 0
	for _, century := range [...]int{1300, 1400, 1500} {
		if y := century + year%100; best == 0 || abs(now-y) < abs(now-best) {
			best = y
		}
	}
	return best
}

// newestDay completes a month and day with the newest year that puts it not after the limit. 30 Esfand comes only
// every fourth or fifth year.
func newestDay(d day, limit time.Time) (time.Time, bool) {
	year, _, _ := jalali(limit)
	end := time.Date(limit.Year(), limit.Month(), limit.Day(), 0, 0, 0, 0, time.UTC)
	for back := range 6 {
		if on, ok := (day{year - back, d.month, d.day}).civil(); ok && !on.After(end) {
			return on, true
		}
	}
	return time.Time{}, false
}

// civil is the date as midnight UTC; false when there is no such day.
func (d day) civil() (time.Time, bool) {
	switch {
	case d.month < 1 || d.month > 12 || d.day < 1 || d.day > 31:
		return time.Time{}, false
	case d.year >= 1900 && d.year < 2200:
		on := time.Date(d.year, time.Month(d.month), d.day, 0, 0, 0, 0, time.UTC)
		return on, on.Day() == d.day
	case d.year < 1200 || d.year > 1600:
		return time.Time{}, false
	}
	days := newYear(d.year) + 31*(d.month-1) - max(0, d.month-7)
	if d.day > 31-d.month/7 || newYear(d.year)+365+leap(d.year) < days+d.day {
		return time.Time{}, false
	}
	return epoch.AddDate(0, 0, days+d.day-1), true
}

// jalali is t's date in the Solar Hijri calendar. Counting leap years by 33-year cycles equals the astronomical
// calendar until 1502 (2123).
func jalali(t time.Time) (year, month, day int) {
	civil := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	days := int(civil.Sub(epoch).Hours() / 24)
	year = 1201 + days/365 // or a little later
	for newYear(year) > days {
		year--
	}
	left := days - newYear(year)
	if left < 6*31 {
		return year, left/31 + 1, left%31 + 1
	}
	left -= 6 * 31
	return year, left/30 + 7, left%30 + 1
}

// epoch is 1 Farvardin 1201; years are counted from it in whole days.
var epoch = time.Date(1822, 3, 21, 0, 0, 0, 0, time.UTC)

// newYear is the number of days from the epoch to 1 Farvardin of year.
func newYear(year int) int { return sinceOne(year) - sinceOne(1201) }

func sinceOne(year int) int { return 365*(year-1) + (8*year+21)/33 }

func leap(year int) int { return newYear(year+1) - newYear(year) - 365 }

func abs(n int) int { return max(n, -n) }
