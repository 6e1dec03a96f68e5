//go:build !noidentities

package creds

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"strings"
	"time"
)

// sigV4 is what AWS Signature Version 4 covers in a POST to the root of a
// service (https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html).
type sigV4 struct {
	accessKey, secretKey string
	region, service      string
	headers              map[string]string // lower-case names; host and x-amz-date among them
	body                 string
	at                   time.Time
}

// amzDate is the time format of X-Amz-Date.
const amzDate = "20060102T150405Z"

// authorization is the value of the Authorization header.
func (s sigV4) authorization() string {
	names := slices.Sorted(maps.Keys(s.headers))
	var canonical strings.Builder
	canonical.WriteString("POST\n/\n\n")
	for _, name := range names {
		canonical.WriteString(name + ":" + strings.Join(strings.Fields(s.headers[name]), " ") + "\n")
	}
	signed := strings.Join(names, ";")
	canonical.WriteString("\n" + signed + "\n" + hexSum(s.body))

	date := s.at.UTC().Format(amzDate)
	scope := date[:8] + "/" + s.region + "/" + s.service + "/aws4_request"
	toSign := "AWS4-HMAC-SHA256\n" + date + "\n" + scope + "\n" + hexSum(canonical.String())

	key := []byte("AWS4" + s.secretKey)
	for _, part := range []string{date[:8], s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	return "AWS4-HMAC-SHA256 Credential=" + s.accessKey + "/" + scope +
		", SignedHeaders=" + signed + ", Signature=" + hex.EncodeToString(mac(key, toSign))
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}
