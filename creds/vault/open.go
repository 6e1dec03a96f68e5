package vault

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"infuse/fetch/secret"
)

// maxFile bounds the files that are read; real ones have about one kilobyte.
const maxFile = 1 << 20

// defaultDomain is where a config file without a domain was written.
const defaultDomain = "https://us.infisical.com"

// Config tells where to look. The zero Config finds nothing.
type Config struct {
	Home       string       // the user's home directory; "" means none
	Passphrase secret.Value // of the file vault, if the config file has none
	Keyring    Keyring      // nil means System
	SessionBus string       // of System
}

// Login is what `infisical login` left.
type Login struct {
	Email  string
	Domain string // base address of the server, without /api
	Token  secret.Value
	Vault  string   // "file" or "auto"
	Files  []string // that it was read from
}

// Open reads the login of the user whose home it is told.
func Open(ctx context.Context, config Config) (*Login, error) {
	if config.Home == "" {
		return nil, ErrNotLoggedIn
	}
	path := filepath.Join(config.Home, ".infisical", "infisical-config.json")
	file, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	login := &Login{Email: file.Email, Domain: file.domain(), Vault: "auto", Files: []string{path}}
	var entry []byte
	if file.VaultType == "file" {
		login.Vault = "file"
		entry, err = readFileVault(config, file, login)
	} else {
		ring := config.Keyring
		if ring == nil {
			ring = System{SessionBus: config.SessionBus}
		}
		entry, err = readSystemKeyring(ctx, ring, file.Email)
	}
	if err != nil {
		return nil, err
	}
	login.Token, err = decodeEntry(entry)
	if err != nil {
		return nil, &Error{Place: login.place(), Err: err}
	}
	return login, nil
}

// place says where the entry stands.
func (l *Login) place() string {
	if l.Vault == "auto" {
		return keyringPlace(l.Email)
	}
	return l.Files[len(l.Files)-1]
}

// configFile is infisical-config.json. The CLI reads its keys without regard
// to case, and so does encoding/json.
type configFile struct {
	Email      string `json:"loggedInUserEmail"`
	Domain     string `json:"loggedInUserDomain"`
	Users      []user `json:"loggedInUsers"`
	VaultType  string `json:"vaultBackendType"`
	Passphrase string `json:"vaultBackendPassphrase"`
}

type user struct {
	Email  string `json:"email"`
	Domain string `json:"domain"`
}

// domain is the server the login belongs to: that of the config, else that of
// the user in the list, else the cloud, as the CLI has it.
func (f *configFile) domain() string {
	domain := f.Domain
	for _, u := range f.Users {
		if domain == "" && u.Email == f.Email {
			domain = u.Domain
		}
	}
	domain = strings.TrimRight(strings.TrimSpace(domain), "/")
	domain = strings.TrimRight(strings.TrimSuffix(domain, "/api"), "/")
	if domain == "" {
		return defaultDomain
	}
	return domain
}

func readConfig(path string) (*configFile, error) {
	b, err := readRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotLoggedIn
	}
	if err != nil {
		return nil, &Error{Place: path, Err: err}
	}
	var file configFile
	if json.Unmarshal(b, &file) != nil {
		return nil, &Error{Place: path, Err: ErrConfig}
	}
	if file.Email == "" {
		return nil, ErrNotLoggedIn
	}
	return &file, nil
}

// passphrase is the config's own, stored in base64, else the given one: the
// order of the CLI. One that is not base64 counts as absent.
func (f *configFile) passphrase(given secret.Value) secret.Value {
	if b, err := base64.StdEncoding.DecodeString(f.Passphrase); err == nil && len(b) > 0 {
		return secret.New(string(b))
	}
	return given
}

// decodeEntry reads the CLI's JSON, which stands inside a JSON string in most
// vaults (it is encoded twice) and bare in others.
func decodeEntry(b []byte) (secret.Value, error) {
	var inner string
	if json.Unmarshal(b, &inner) == nil {
		b = []byte(inner)
	}
	var entry struct {
		Token *string `json:"JTWToken"` // sic
	}
	if json.Unmarshal(b, &entry) != nil {
		return secret.Value{}, fmt.Errorf("%w: not the JSON of a login", ErrDamaged)
	}
	if entry.Token == nil || *entry.Token == "" {
		return secret.Value{}, ErrNoToken
	}
	return secret.FromPointer(entry.Token), nil
}

// readRegular reads a whole regular file: a pipe in its place would hold us.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, bare(err)
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(b) > maxFile {
		return nil, fmt.Errorf("larger than %d bytes", maxFile)
	}
	return b, nil
}

// bare drops the path from err, since the caller names it.
func bare(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}
