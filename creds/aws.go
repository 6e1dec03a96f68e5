//go:build !noidentities

package creds

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

func awsEvidence(in *input) evidence {
	return in.evidence([]string{"INFISICAL_AWS_IAM_AUTH_IDENTITY_ID"},
		"AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_PROFILE")
}

// callerIdentity is the request that the server sends on our behalf to learn
// from AWS who signed it. It gives nothing away and can do nothing else.
const callerIdentity = "Action=GetCallerIdentity&Version=2011-06-15"

// awsIAM shows a signed GetCallerIdentity. The credentials are looked for
// where the AWS SDKs look, at every login: those of roles are short-lived.
func awsIAM(in *input, _ string) (proof, error) {
	sources := awsSources{in}
	if err := sources.check(); err != nil {
		return proof{}, err
	}
	setUp := "check the role of the task, pod or machine"
	return proof{setUp: setUp, members: func(ctx context.Context) (map[string]any, error) {
		keys, region, err := sources.find(ctx)
		if err != nil {
			return nil, err
		}
		return awsMembers(in, keys, region)
	}}, nil
}

// validRegion is what the server accepts; it builds a host name of it.
func validRegion(region string) bool {
	foreign := func(r rune) bool { return r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }
	return region != "" && len(region) <= 20 && strings.IndexFunc(region, foreign) < 0
}

func awsMembers(in *input, keys awsKeys, region string) (map[string]any, error) {
	if !validRegion(region) {
		return nil, wrong("set AWS_REGION to one such as eu-central-1", "not an AWS region: %q", printable(region))
	}
	headers, err := json.Marshal(awsHeaders(in, keys, region))
	if err != nil {
		return nil, err
	}
	b64 := base64.StdEncoding.EncodeToString
	return map[string]any{
		"iamHttpRequestMethod": "POST",
		"iamRequestBody":       b64([]byte(callerIdentity)),
		"iamRequestHeaders":    api.Wrap(secret.New(b64(headers))),
	}, nil
}

// awsHeaders are the headers of the signed request, content-type outside the
// signature, as the official SDK has them.
func awsHeaders(in *input, keys awsKeys, region string) map[string]string {
	now := in.now().UTC()
	host := "sts." + region + ".amazonaws.com"
	signed := map[string]string{
		"host":           host,
		"content-length": strconv.Itoa(len(callerIdentity)),
		"x-amz-date":     now.Format(amzDate),
	}
	headers := map[string]string{
		"Host":           host,
		"Content-Type":   "application/x-www-form-urlencoded; charset=utf-8",
		"Content-Length": signed["content-length"],
		"X-Amz-Date":     signed["x-amz-date"],
	}
	if !keys.token.Empty() {
		signed["x-amz-security-token"] = keys.token.Reveal()
		headers["X-Amz-Security-Token"] = keys.token.Reveal()
	}
	headers["Authorization"] = sigV4{
		accessKey: keys.id, secretKey: keys.secret.Reveal(), region: region, service: "sts",
		headers: signed, body: callerIdentity, at: now,
	}.authorization()
	return headers
}
