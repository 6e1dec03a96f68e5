// Command release makes what a release has beside its binaries:
//
//	go run ./testdata/release sbom VERSION BINARY...   BINARY.cdx.json, from what the linker recorded in it
//	go run ./testdata/release sums DIR                 DIR/SHA256SUMS of every file
//
// Both depend on nothing but the bytes they read: no clock, no random number.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) > 2 && args[0] == "sbom":
		for _, binary := range args[2:] {
			if err := writeSBOM(binary, args[1]); err != nil {
				return fmt.Errorf("%s: %w", binary, err)
			}
		}
		return nil
	case len(args) == 2 && args[0] == "sums":
		return writeSums(args[1])
	}
	return errors.New("usage: release sbom VERSION BINARY... | release sums DIR")
}

func writeSBOM(binary, version string) error {
	sum, err := hashFile(binary)
	if err != nil {
		return err
	}
	info, err := readBuild(binary)
	if err != nil {
		return err
	}
	body, err := json.MarshalIndent(info.bom(filepath.Base(binary), version, sum), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(binary+".cdx.json", append(body, '\n'), 0o644)
}

// writeSums writes the format that sha256sum --check reads, sorted by name.
func writeSums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	for _, entry := range entries {
		if entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || entry.Name() == "SHA256SUMS" {
			continue
		}
		sum, err := hashFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%s  %s\n", sum, entry.Name())
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), sums.Bytes(), 0o644)
}

func hashFile(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
