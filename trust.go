package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// A checked-in .infisical.json may name the server (`domain`), and so redirect
// credentials to it. infuse follows it only to the known clouds, or where the
// user allowed it once for this file and this domain (--trust-project-domain).

// knownClouds are Infisical's own servers.
func knownClouds() []string {
	return []string{"https://app.infisical.com", "https://us.infisical.com", "https://eu.infisical.com"}
}

// trustFile remembers what was allowed: file path -> domains.
func trustFile(getenv func(string) string) (string, error) {
	dir := getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(dir) { // a relative one is to be ignored (XDG base directory specification)
		home := homeDir(getenv)
		if home == "" {
			return "", errors.New("no home directory to remember it in: set HOME or XDG_CONFIG_HOME")
		}
		dir = filepath.Join(home, ".config")
	}
	return filepath.Join(dir, "infuse", "trusted-domains.json"), nil
}

// projectDomain is the domain of .infisical.json if it may be used.
func projectDomain(project *projectFile, trustNow bool, getenv func(string) string) (string, error) {
	if project == nil || project.Domain == "" {
		return "", nil
	}
	domain := normalDomain(project.Domain)
	if slices.Contains(knownClouds(), domain) {
		return domain, nil
	}
	file, err := filepath.EvalSymlinks(project.File)
	if err != nil {
		file = project.File
	}
	store, err := trustFile(getenv)
	if err != nil {
		return "", err
	}
	trusted, err := readTrust(store)
	if err != nil {
		return "", err
	}
	if slices.Contains(trusted[file], domain) {
		return domain, nil
	}
	if !trustNow {
		return "", hinted(fmt.Errorf("%s names the server %s, which was never allowed: your credentials would be sent there", project.File, domain),
			"if that is your server, allow it once for this file with --trust-project-domain",
			"or name the server yourself: --url "+domain+" or INFISICAL_URL")
	}
	trusted[file] = append(trusted[file], domain)
	slices.Sort(trusted[file])
	return domain, writeTrust(store, trusted)
}

func readTrust(file string) (map[string][]string, error) {
	trusted := map[string][]string{}
	body, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return trusted, nil
	}
	if err == nil {
		if bad := json.Unmarshal(body, &trusted); bad != nil {
			err = errors.New(jsonReason(bad))
		}
	}
	if err != nil {
		return nil, fmt.Errorf("reading the trusted domains: %s: %w", file, err)
	}
	return trusted, nil
}

func writeTrust(file string, trusted map[string][]string) error {
	body, err := json.MarshalIndent(trusted, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(file), 0o700)
	}
	if err == nil {
		err = saveFile(file, append(body, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("remembering the trusted domain: %w", err)
	}
	return nil
}

// homeDir is where the user's files are: HOME, on Windows USERPROFILE.
func homeDir(getenv func(string) string) string {
	if home := getenv("HOME"); home != "" {
		return home
	}
	return getenv("USERPROFILE")
}
