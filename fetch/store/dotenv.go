package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/joho/godotenv"

	"infuse/fetch/secret"
)

// MaxFileSize bounds one dotenv file; godotenv holds a few copies of it in memory.
const MaxFileSize = 8 << 20

// maxComments bounds the comment lines in a row: godotenv recurses once for each.
const maxComments = 20000

// readFile reads one dotenv file; the entries are sorted by key.
func readFile(path string) ([]Entry, error) {
	src, err := readBounded(path)
	if err != nil {
		return nil, err
	}
	values, err := Parse(src)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	entries := make([]Entry, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		entries = append(entries, Entry{Key: key, Value: secret.New(values[key]), File: path})
	}
	return entries, nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path) // before the open: opening a FIFO would wait for a writer
	if err != nil {
		return nil, fmt.Errorf("reading the store: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the store: %w", err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, MaxFileSize+1))
	if err != nil {
		return nil, fmt.Errorf("reading the store: %w", err)
	}
	if len(src) > MaxFileSize {
		return nil, fmt.Errorf("%s: larger than %d MiB", path, MaxFileSize>>20)
	}
	return src, nil
}

// Parse is godotenv.Parse behind checks of its input and its output, with
// errors that hold a line number in the place of the file's text.
func Parse(src []byte) (map[string]string, error) {
	src = withoutMark(src)
	if bytes.HasPrefix(src, []byte{0xff, 0xfe}) || bytes.HasPrefix(src, []byte{0xfe, 0xff}) {
		return nil, errors.New("is UTF-16; save it as UTF-8")
	}
	if line := invalidUTF8(src); line > 0 {
		return nil, fmt.Errorf("line %d: not valid UTF-8", line)
	}
	src = bytes.ReplaceAll(src, []byte("\r\n"), []byte("\n")) // as godotenv does, so that offsets agree
	if tooManyComments(src) {
		return nil, fmt.Errorf("more than %d lines of comment in a row", maxComments)
	}
	values, err := godotenv.Parse(bytes.NewReader(src))
	if err != nil {
		return nil, describe(err, string(src))
	}
	if _, ok := values[""]; ok {
		// A last line without "=" or a line that starts with it.
		return nil, errors.New("a line has no name before the value, or no =")
	}
	return values, checkValues(src, values)
}

// withoutMark drops the byte order mark that Windows editors write.
func withoutMark(src []byte) []byte { return bytes.TrimPrefix(src, []byte("\xef\xbb\xbf")) }

func invalidUTF8(src []byte) int {
	for line := 1; len(src) > 0; line++ {
		text, rest, _ := bytes.Cut(src, []byte("\n"))
		if !utf8.Valid(text) {
			return line
		}
		src = rest
	}
	return 0
}

func tooManyComments(src []byte) bool {
	run := 0
	for line := range bytes.Lines(src) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) > 0 && line[0] == '#':
			run++
		case len(line) > 0:
			run = 0
		}
		if run > maxComments {
			return true
		}
	}
	return false
}

// describe words an error of godotenv without the text it quotes, which is
// the rest of the file: secrets. The quoted rest tells the line.
func describe(err error, src string) error {
	text := err.Error()
	if _, near, ok := strings.Cut(text, "in variable name near "); ok {
		rest, unquoteErr := strconv.Unquote(near)
		if unquoteErr == nil && strings.HasSuffix(src, rest) {
			return fmt.Errorf("line %d: not NAME=VALUE", 1+strings.Count(src[:len(src)-len(rest)], "\n"))
		}
		return errors.New("a line is not NAME=VALUE")
	}
	if rest, ok := strings.CutPrefix(text, "unterminated quoted value "); ok {
		// The value starts on the last line that ends like this: the reader stopped there,
		// because no quote follows that could have closed it.
		lines := strings.Split(src, "\n")
		for i := len(lines) - 1; i >= 0; i-- {
			if strings.HasSuffix(lines[i], rest) {
				return fmt.Errorf("line %d: the quoted value does not end", i+1)
			}
		}
		return errors.New("a quoted value does not end")
	}
	return errors.New("not a dotenv file")
}
