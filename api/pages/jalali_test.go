package pages

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJalali(t *testing.T) {
	for _, c := range []struct {
		at   string
		want [3]int
	}{
		{"1979-02-11", [3]int{1357, 11, 22}},
		{"2000-01-01", [3]int{1378, 10, 11}},
		{"2017-05-14", [3]int{1396, 2, 24}},
		{"2021-03-20", [3]int{1399, 12, 30}},
		{"2021-03-21", [3]int{1400, 1, 1}},
		{"2024-03-19", [3]int{1402, 12, 29}},
		{"2024-03-20", [3]int{1403, 1, 1}},
		{"2024-09-21", [3]int{1403, 6, 31}},
		{"2024-09-22", [3]int{1403, 7, 1}},
		{"2025-03-20", [3]int{1403, 12, 30}},
		{"2025-03-21", [3]int{1404, 1, 1}},
		{"2025-11-21", [3]int{1404, 8, 30}},
		{"2029-03-20", [3]int{1408, 1, 1}},
		{"2030-03-20", [3]int{1408, 12, 30}},
	} {
		at, err := time.Parse(time.DateOnly, c.at)
		require.NoError(t, err)
		year, month, day := jalali(at)
		require.Equal(t, c.want, [3]int{year, month, day}, c.at)
	}
}

// Every day of two centuries follows the one before, and the leap years are the calendar's.
func TestJalaliDaysFollow(t *testing.T) {
	leaps := map[int]bool{}
	at := time.Date(1921, 3, 21, 0, 0, 0, 0, time.UTC)
	year, month, day := jalali(at)
	require.Equal(t, [3]int{1300, 1, 1}, [3]int{year, month, day})
	for year < 1500 {
		at = at.AddDate(0, 0, 1)
		y, m, d := jalali(at)
		switch {
		case d == day+1:
			require.Equal(t, [2]int{year, month}, [2]int{y, m}, at)
			require.LessOrEqual(t, d, 31)
		case m == month+1:
			require.Equal(t, [2]int{year, 1}, [2]int{y, d}, at)
			require.Equal(t, monthDays(month), day, at)
		default:
			require.Equal(t, [3]int{year + 1, 1, 1}, [3]int{y, m, d}, at)
			require.Equal(t, 12, month)
			require.Contains(t, []int{29, 30}, day)
			leaps[year] = day == 30
		}
		year, month, day = y, m, d
	}
	var got []int
	for y := 1370; y < 1440; y++ {
		if leaps[y] {
			got = append(got, y)
		}
	}
	require.Equal(t, []int{1370, 1375, 1379, 1383, 1387, 1391, 1395, 1399, 1403, 1408, 1412, 1416, 1420, 1424, 1428, 1432, 1436}, got)
}

func monthDays(month int) int {
	if month <= 6 {
		return 31
	}
	return 30
}

func TestTimesAreTehrans(t *testing.T) {
	winter := time.Date(2025, 12, 31, 20, 29, 59, 0, time.UTC) // 23:59:59
	require.Equal(t, "۲۳:۵۹", clock(Persian, winter))
	require.Equal(t, "۱۰ دی ۱۴۰۴، ساعت ۲۳:۵۹", dateAndClock(Persian, winter))
	require.Equal(t, "۱۱ دی ۱۴۰۴، ساعت ۰۰:۰۰", dateAndClock(Persian, winter.Add(time.Second)))
	// Summer time was kept until 1401.
	require.Equal(t, "۱۴:۰۱", clock(Persian, time.Date(2017, 5, 14, 9, 31, 50, 0, time.UTC)))
	require.Equal(t, "۱۳:۰۱", clock(Persian, time.Date(2025, 5, 14, 9, 31, 50, 0, time.UTC)))

	require.Equal(t, "ساعت ۲۳:۵۹", deadline(Persian, winter, winter.Add(-time.Hour)))
	require.Equal(t, "۱۱ دی ۱۴۰۴، ساعت ۰۰:۰۰", deadline(Persian, winter.Add(time.Second), winter))

	require.Equal(t, "31 Dec 2025, 23:59 Tehran time", dateAndClock(English, winter))
	require.Equal(t, "23:59 Tehran time", deadline(English, winter, winter.Add(-time.Hour)))
	require.Equal(t, "1 Jan 2026, 00:00 Tehran time", deadline(English, winter.Add(time.Second), winter))
}
