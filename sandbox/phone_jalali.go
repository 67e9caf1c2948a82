package sandbox

import (
	"fmt"
	"time"
)

// jalaliTime is a moment as Iranian banks print it: Tehran's clock, the Solar Hijri date.
type jalaliTime struct{ year, month, day, hour, minute, second int }

// nowruz1400 began the year from which years are counted up and down.
var nowruz1400 = time.Date(2021, 3, 21, 0, 0, 0, 0, time.UTC)

func toJalali(t time.Time) jalaliTime {
	t = t.In(tehran)
	days := int(time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Sub(nowruz1400) / (24 * time.Hour))
	year := 1400
	for ; days < 0; days += jalaliYear(year) {
		year--
	}
	for ; days >= jalaliYear(year); year++ {
		days -= jalaliYear(year)
	}
	j := jalaliTime{year: year, hour: t.Hour(), minute: t.Minute(), second: t.Second()}
	if days < 6*31 {
		j.month, j.day = days/31+1, days%31+1
	} else {
		j.month, j.day = (days-6*31)/30+7, (days-6*31)%30+1
	}
	return j
}

// jalaliYear is the number of days of a year. Eight years of every 33 are leap years, which holds
// for the years around this one.
func jalaliYear(year int) int {
	switch year % 33 {
	case 1, 5, 9, 13, 17, 22, 26, 30:
		return 366
	}
	return 365
}

func (j jalaliTime) clock() string { return fmt.Sprintf("%02d:%02d", j.hour, j.minute) }
func (j jalaliTime) seconds() string {
	return fmt.Sprintf("%02d:%02d:%02d", j.hour, j.minute, j.second)
}

// date prints year, month and day with separators: 1405/06/19.
func (j jalaliTime) date(separator string) string {
	return fmt.Sprintf("%d%s%02d%s%02d", j.year, separator, j.month, separator, j.day)
}

// shortDate is a date with a year of two digits: 05/06/19.
func (j jalaliTime) shortDate(separator string) string { return j.date(separator)[2:] }

// monthDay is a date without its year: 06/19.
func (j jalaliTime) monthDay(separator string) string {
	return fmt.Sprintf("%02d%s%02d", j.month, separator, j.day)
}
