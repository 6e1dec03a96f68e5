package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"infuse/fetch/secret"
)

const (
	copySuffix    = ".jwe"
	copyTemp      = ".tmp-"
	copySizeLimit = 128 << 20
	minCopyKey    = 16 // bytes in a key file
)

// name is the file of a scope, hashed: it tells nobody what is in it. Whoever
// has the same scope, server and identity finds the same file.
func (c *Copy) name(scope Scope) (string, error) {
	scope, err := copyScope(scope)
	if err != nil {
		return "", err
	}
	b, err := json.Marshal([]any{copyVersion, c.Origin, c.Identity, scope})
	if err != nil {
		return "", fmt.Errorf("naming the offline copy: %w", err)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16]) + copySuffix, nil
}

// exists reports whether something lies there; whether it is a copy, open says.
func (c *Copy) exists(name string) bool {
	_, err := os.Lstat(filepath.Join(c.Dir, name))
	return err == nil
}

// open reads, checks and opens the copy of a scope. The error is a *CopyError.
func (c *Copy) open(name string, scope Scope) (*Snapshot, error) {
	b, err := readPrivate(c.Dir, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &CopyError{Reason: "there is none of this scope for this identity", Hint: "run once with --cache while the server can be reached", Err: err}
	}
	if err != nil {
		return nil, &CopyError{Reason: "not used: " + err.Error(), Err: err}
	}
	snapshot, err := unseal(b, c.Key, c.Origin, c.Identity, scope)
	if err != nil {
		return nil, &CopyError{Reason: "not used: " + err.Error(), Hint: "the next successful fetch replaces it", Err: err}
	}
	maxAge := orElse(c.MaxAge, DefaultCopyMaxAge)
	switch age := c.now().Sub(snapshot.FetchedAt); {
	case age > maxAge:
		return nil, &CopyError{Reason: fmt.Sprintf("not used: it is %s old, and --cache-max-age is %s", ageInWords(age), ageInWords(maxAge))}
	case age < -5*time.Minute:
		return nil, &CopyError{Reason: "not used: it was made in the future, so its age is not known; is this machine's clock right?"}
	}
	return snapshot, nil
}

// save replaces the copy of a scope. Readers see the old file or the new one,
// whole, also when two processes save at once.
func (c *Copy) save(name string, scope Scope, snapshot *Snapshot) error {
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return plainError(err)
	}
	if err := checkPrivateDir(c.Dir); err != nil {
		return err
	}
	b, err := seal(c.Key, c.Origin, c.Identity, scope, snapshot)
	if err != nil {
		return err
	}
	if c.BeforeSave != nil {
		c.BeforeSave()
	}
	removeStale(c.Dir)
	f, err := os.CreateTemp(c.Dir, name+copyTemp+"*") // 0600
	if err != nil {
		return plainError(err)
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(c.Dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
		return plainError(err)
	}
	return nil
}

// removeStale takes away what a process that was killed while saving left.
func removeStale(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.Contains(e.Name(), copySuffix+copyTemp) {
			continue
		}
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > time.Hour {
			_ = os.Remove(filepath.Join(dir, e.Name()))
		}
	}
}

var errNotRegular = errors.New("it is not a regular file")

// readPrivate reads a file that nobody else can have written.
func readPrivate(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	f, err := openNoFollow(path)
	if err != nil {
		return nil, plainError(err)
	}
	defer f.Close()
	if err := checkPrivateDir(dir); err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, plainError(err)
	case !info.Mode().IsRegular():
		return nil, errNotRegular
	case info.Size() > copySizeLimit:
		return nil, errors.New("it is too large to be one")
	}
	if err := checkPrivate(info); err != nil {
		return nil, fmt.Errorf("the file %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, copySizeLimit))
	return b, plainError(err)
}

func checkPrivateDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return plainError(err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	}
	if err := checkPrivate(info); err != nil {
		return fmt.Errorf("the directory %s %w", dir, err)
	}
	return nil
}

// plainError drops the path from a file error: the name of a copy is noise to a reader.
func plainError(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}

// ReadKeyFile reads the key material of an offline copy: the whole file, with
// one trailing newline dropped, at least 16 bytes of it. Make one with
// `head -c 32 /dev/urandom | base64`.
func ReadKeyFile(path string) (secret.Value, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return secret.Value{}, fmt.Errorf("cache key file %s: %w", path, plainError(err))
	}
	key := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if len(key) < minCopyKey {
		return secret.Value{}, fmt.Errorf("cache key file %s: it holds %d bytes, and at least %d are needed", path, len(key), minCopyKey)
	}
	return secret.New(key), nil
}
