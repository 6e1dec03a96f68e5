//go:build !noidentities

package creds

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"infuse/fetch/secret"
)

// awsProfile is one profile of the shared config and credentials files
// (https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html).
type awsProfile struct {
	name   string
	found  bool // it has something to do with credentials
	values map[string]string
}

// profile merges both files; the credentials file wins. A profile that was
// named and does not exist is an error.
func (a awsSources) profile() (awsProfile, error) {
	p := awsProfile{name: firstOf(a.env["AWS_PROFILE"], "default"), values: map[string]string{}}
	home := filepath.Join(a.Home, ".aws")
	exists := false
	for _, file := range []struct{ path, section string }{
		{firstOf(a.env["AWS_CONFIG_FILE"], filepath.Join(home, "config")), "profile " + p.name},
		{firstOf(a.env["AWS_SHARED_CREDENTIALS_FILE"], filepath.Join(home, "credentials")), p.name},
	} {
		if a.Home == "" && strings.HasPrefix(file.path, ".aws") {
			continue
		}
		text, err := readFile(file.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return p, err
		}
		sections := parseINI(text.Reveal())
		names := []string{file.section}
		if p.name == "default" {
			names = []string{"default", "profile default"} // the second spelling wins, as in the SDKs
		}
		for _, name := range names {
			values, ok := sections[name]
			exists = exists || ok
			for k, v := range values {
				p.values[k] = v
			}
		}
	}
	if a.env["AWS_PROFILE"] != "" && !exists {
		return p, wrong("look at AWS_PROFILE", "the AWS config has no profile %q", printable(p.name))
	}
	for _, key := range []string{"aws_access_key_id", "credential_process", "role_arn", "sso_session", "sso_start_url", "web_identity_token_file"} {
		p.found = p.found || p.values[key] != ""
	}
	return p, nil
}

// profileKeys takes the keys that stand in the profile, or runs its process.
func (a awsSources) profileKeys(ctx context.Context, p awsProfile) (awsKeys, error) {
	v := p.values
	switch {
	case v["role_arn"] != "" || v["sso_session"] != "" || v["sso_start_url"] != "" || v["web_identity_token_file"] != "":
		return awsKeys{}, wrong("run 'aws configure export-credentials --format env' first, or give the profile credential_process = aws configure export-credentials --profile NAME",
			"the AWS profile %q assumes a role or signs in by SSO, which is left to AWS's own tools", printable(p.name))
	case v["aws_access_key_id"] != "" && v["aws_secret_access_key"] != "":
		return awsKeys{id: v["aws_access_key_id"], secret: secret.New(v["aws_secret_access_key"]), token: secret.New(v["aws_session_token"])}, nil
	case v["credential_process"] != "":
		argv, err := splitCommand(v["credential_process"])
		if err != nil {
			return awsKeys{}, fmt.Errorf("credential_process: %w", err)
		}
		out, err := a.runCommand(ctx, argv)
		if err != nil {
			return awsKeys{}, fmt.Errorf("credential_process: %w", err)
		}
		return processKeys(out)
	}
	return awsKeys{}, fmt.Errorf("the AWS profile %q has a key id without a secret", printable(p.name))
}

// parseINI reads sections of key = value. Comments start a line; nested values
// (indented lines) are not about credentials and are passed over.
func parseINI(text string) map[string]map[string]string {
	sections := map[string]map[string]string{}
	var section map[string]string
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, maxFile+1)
	for lines.Scan() {
		line := lines.Text()
		trimmed := strings.TrimSpace(line)
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
		case trimmed[0] == '[':
			name, _, _ := strings.Cut(trimmed[1:], "]")
			name = strings.Join(strings.Fields(name), " ")
			if section = sections[name]; section == nil {
				section = map[string]string{}
				sections[name] = section
			}
		case section != nil && line[0] != ' ' && line[0] != '\t':
			key, value, ok := strings.Cut(trimmed, "=")
			if ok {
				section[strings.ToLower(strings.TrimSpace(key))] = inlineComment(strings.TrimSpace(value))
			}
		}
	}
	return sections
}

// inlineComment cuts a comment that follows white space.
func inlineComment(value string) string {
	for _, mark := range []string{" #", " ;", "\t#", "\t;"} {
		value, _, _ = strings.Cut(value, mark)
	}
	return strings.TrimSpace(value)
}
