package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const oldestPostgres = 13

var errNoPostgres = errors.New("PostgreSQL was not found: install it (Debian and Ubuntu: package postgresql; " +
	"macOS: brew install postgresql) or set DATABASE_URL to a running server")

// binaries is a folder with initdb and postgres of one major version.
type binaries struct {
	dir   string
	major int
}

func (b binaries) path(name string) string { return filepath.Join(b.dir, name) }

// findPostgres looks in PATH first, then where packages put PostgreSQL, newest first. With want > 0 (the
// version that made existing data) only that major version will do.
func findPostgres(ctx context.Context, want int) (binaries, error) {
	var found []binaries
	for _, dir := range postgresDirs() {
		b, err := inspect(ctx, dir)
		if err != nil {
			continue
		}
		found = append(found, b)
	}
	found = slices.DeleteFunc(found, func(b binaries) bool { return b.major < oldestPostgres })
	if len(found) == 0 {
		return binaries{}, errNoPostgres
	}
	if want == 0 {
		return found[0], nil
	}
	for _, b := range found {
		if b.major == want {
			return b, nil
		}
	}
	return binaries{}, fmt.Errorf("the data was made by PostgreSQL %d, but only PostgreSQL %d is installed", want, found[0].major)
}

func postgresDirs() []string {
	var dirs []string
	if p, err := exec.LookPath("postgres"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			dirs = append(dirs, filepath.Dir(p))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                   // Red Hat
		"/usr/libexec/postgresql*",           // Alpine
		"/opt/homebrew/opt/postgresql@*/bin", // Homebrew on Apple silicon
		"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
		"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
		"/Applications/Postgres.app/Contents/Versions/*/bin",
	} {
		matches, _ := filepath.Glob(pattern)
		slices.SortFunc(matches, func(a, b string) int { return versionIn(b) - versionIn(a) })
		dirs = append(dirs, matches...)
	}
	return dirs
}

var digits = regexp.MustCompile(`\d+`)

// versionIn reads the last number of a path such as /usr/lib/postgresql/15/bin.
func versionIn(path string) int {
	all := digits.FindAllString(path, -1)
	if len(all) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(all[len(all)-1])
	return n
}

func inspect(ctx context.Context, dir string) (binaries, error) {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return binaries{}, err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return binaries{}, err
	}
	major, err := strconv.Atoi(digits.FindString(string(out)))
	return binaries{dir: dir, major: major}, err
}

// dataVersion is the major version that made a data folder, 0 when the folder holds no data yet.
func dataVersion(dataDir string) (int, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, "PG_VERSION"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(text)))
}
