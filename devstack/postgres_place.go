package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// Where relocated data goes. Not /var/tmp: systems clean that by age.
var relocationRoot = "/var/lib/paysaga"

// account is the system user PostgreSQL runs as when devstack itself runs as root, which PostgreSQL refuses.
type account struct {
	name     string
	uid, gid int
}

// place says where the data lies and who owns it. A nil owner means: the user devstack runs as.
type place struct {
	dataDir string
	owner   *account
}

// findPlace decides where the data of home lies: in home/postgres, or, when the user that must run the
// server cannot enter home (a checkout below /root, say), in relocationRoot, with home/postgres a link to it.
func findPlace(ctx context.Context, home string) (place, error) {
	link := filepath.Join(home, "postgres")
	dataDir, err := filepath.EvalSymlinks(link)
	switch {
	case err == nil:
		return existingPlace(dataDir)
	case !errors.Is(err, os.ErrNotExist):
		return place{}, fmt.Errorf("data folder: %w", err)
	}
	if target, err := os.Readlink(link); err == nil { // the link outlived its target
		progress("postgres: %s is gone, starting empty", target)
		if err := os.Remove(link); err != nil {
			return place{}, fmt.Errorf("data folder: %w", err)
		}
	}
	if os.Getuid() != 0 {
		return place{dataDir: link}, nil
	}
	owner, err := serverAccount()
	if err != nil {
		return place{}, err
	}
	if canEnter(ctx, owner, home) {
		return place{dataDir: link, owner: owner}, nil
	}
	return relocate(home, link, owner)
}

// existingPlace keeps the owner the data already has: a cluster made by a plain user also starts under sudo.
func existingPlace(dataDir string) (place, error) {
	info, err := os.Stat(dataDir)
	if err != nil {
		return place{}, fmt.Errorf("data folder: %w", err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	uid, gid := int(stat.Uid), int(stat.Gid)
	switch {
	case uid == os.Getuid() && uid != 0:
		return place{dataDir: dataDir}, nil
	case uid == 0:
		return place{}, fmt.Errorf("%s belongs to root, who may not run PostgreSQL: remove it or give it to another user", dataDir)
	case os.Getuid() != 0:
		return place{}, fmt.Errorf("%s belongs to %s: run as that user or as root, or choose another home folder", dataDir, userName(uid))
	}
	return place{dataDir: dataDir, owner: &account{name: userName(uid), uid: uid, gid: gid}}, nil
}

func relocate(home, link string, owner *account) (place, error) {
	sum := sha256.Sum256([]byte(home))
	parent := filepath.Join(relocationRoot, fmt.Sprintf("%x", sum[:6]))
	// Data found here without a link to it belongs to a home that was deleted since: keep one generation.
	if err := os.RemoveAll(parent + ".old"); err != nil {
		return place{}, fmt.Errorf("data folder: %w", err)
	}
	if err := os.Rename(parent, parent+".old"); err != nil && !errors.Is(err, os.ErrNotExist) {
		return place{}, fmt.Errorf("data folder: %w", err)
	}
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return place{}, fmt.Errorf("data folder: %w", err)
	}
	dataDir := filepath.Join(parent, "postgres")
	if err := os.Symlink(dataDir, link); err != nil {
		return place{}, fmt.Errorf("data folder: %w", err)
	}
	progress("postgres: user %s cannot enter %s, the data goes to %s", owner.name, home, dataDir)
	return place{dataDir: dataDir, owner: owner}, nil
}

func serverAccount() (*account, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.Atoi(u.Uid)
		gid, errGID := strconv.Atoi(u.Gid)
		if errUID == nil && errGID == nil && uid != 0 {
			return &account{name: name, uid: uid, gid: gid}, nil
		}
	}
	return nil, errors.New("PostgreSQL may not run as root and there is no user postgres or nobody to run it as")
}

// canEnter asks the system itself, as the account: that honours every parent folder, ACLs and mounts.
func canEnter(ctx context.Context, a *account, dir string) bool {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `cd "$1"`, "sh", dir)
	runAs(cmd, a)
	return cmd.Run() == nil
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return "user " + u.Username
	}
	return "user " + strconv.Itoa(uid)
}
