package banksms

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestJalaliDays(t *testing.T) {
	for _, c := range []struct {
		jalali day
		civil  string
	}{
		{day{1357, 11, 22}, "1979-02-11"},
		{day{1378, 10, 11}, "2000-01-01"},
		{day{1399, 12, 30}, "2021-03-20"},
		{day{1400, 1, 1}, "2021-03-21"},
		{day{1403, 1, 1}, "2024-03-20"},
		{day{1403, 12, 30}, "2025-03-20"},
		{day{1404, 12, 29}, "2026-03-20"},
		{day{1405, 1, 1}, "2026-03-21"},
		{day{1405, 6, 31}, "2026-09-22"},
		{day{1405, 7, 1}, "2026-09-23"},
	} {
		on, ok := c.jalali.civil()
		require.True(t, ok)
		require.Equal(t, c.civil, on.Format(time.DateOnly))
		year, month, dayOf := jalali(on)
		require.Equal(t, c.jalali, day{year, month, dayOf})
	}
	// Every day there and back.
	for on := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC); on.Year() < 2060; on = on.AddDate(0, 0, 1) {
		year, month, dayOf := jalali(on)
		back, ok := day{year, month, dayOf}.civil()
		require.True(t, ok, on)
		require.Equal(t, on, back)
	}
	for _, d := range []day{{1404, 12, 30}, {1405, 7, 31}, {1405, 13, 1}, {1405, 0, 4}, {1405, 4, 0}, {1405, 1, 32}, {2026, 2, 30}, {900, 1, 1}} {
		_, ok := d.civil()
		require.False(t, ok, d)
	}
}

func TestInstant(t *testing.T) {
	at := func(text string) time.Time {
		when, err := time.ParseInLocation("2006-01-02 15:04", text, tehran)
		require.NoError(t, err)
		return when
	}
	for _, c := range []struct {
		name, date, clock, received string
		want                        string
		hasDate, hasTime            bool
	}{
		{"year of two digits", "05/06/28", "13:57", "2026-09-19 14:00", "2026-09-19 13:57", true, true},
		{"year of the last century", "99/04/14", "16:49", "2026-09-19 14:00", "2020-07-04 16:49", true, true},
		{"year 00", "00/12/17", "16:43", "2026-09-19 14:00", "2022-03-08 16:43", true, true},
		{"month first", "06/27/05", "11:42", "2026-09-19 14:00", "2026-09-18 11:42", true, true},
		{"compact", "050627", "21:30", "2026-09-19 14:00", "2026-09-18 21:30", true, true},
		{"compact without year", "0627", "21:30", "2026-09-19 14:00", "2026-09-18 21:30", true, true},
		{"compact with the whole year", "14050627", "21:30", "2026-09-19 14:00", "2026-09-18 21:30", true, true},
		{"day first", "27/06/1405", "21:30", "2026-09-19 14:00", "2026-09-18 21:30", true, true},
		{"Gregorian", "2026-09-18", "21:30", "2026-09-19 14:00", "2026-09-18 21:30", true, true},
		{"no year, delivered late", "5/8", "10:04", "2026-07-31 14:00", "2026-07-30 10:04", true, true},
		{"no year, after the new year", "12/29", "23:58", "2026-03-21 00:10", "2026-03-20 23:58", true, true},
		{"no year, tomorrow by a fast clock", "1/1", "00:01", "2026-03-20 23:59", "2026-03-21 00:01", true, true},
		{"no year, the day after tomorrow is last year's", "1/2", "00:01", "2026-03-20 23:59", "2025-03-22 00:01", true, true},
		{"30 Esfand", "12/30", "08:00", "2026-09-19 14:00", "2025-03-20 08:00", true, true},
		{"summer time", "1399/4/18", "14:07", "2026-09-19 14:00", "2020-07-08 14:07", true, true},
		{"date only", "1405/5/29", "", "2026-09-19 14:00", "2026-08-20 00:00", true, false},
		{"time only", "", "13:59", "2026-09-19 14:00", "2026-09-19 13:59", false, true},
		{"time only, yesterday", "", "23:59", "2026-09-19 00:05", "2026-09-18 23:59", false, true},
		{"time only, fast clock", "", "00:01", "2026-09-18 23:59", "2026-09-19 00:01", false, true},
		{"no such time", "1405/5/29", "25:00", "2026-09-19 14:00", "2026-08-20 00:00", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, hasDate, hasTime := instant(c.date, c.clock, at(c.received))
			require.Equal(t, at(c.want).UTC().String(), got.String())
			require.Equal(t, c.hasDate, hasDate)
			require.Equal(t, c.hasTime, hasTime)
		})
	}
	// Summer time was +04:30.
	got, _, _ := instant("1399/4/18", "14:07", received)
	require.Equal(t, "2020-07-08T09:37:00Z", got.Format(time.RFC3339))
	// Nothing to complete a date with.
	got, hasDate, _ := instant("5/8", "10:04", time.Time{})
	require.False(t, hasDate)
	require.True(t, got.IsZero())
	got, hasDate, _ = instant("1405/5/8", "10:04", time.Time{})
	require.True(t, hasDate)
	require.False(t, got.IsZero())
}
