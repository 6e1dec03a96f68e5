//go:build !noidentities

package creds_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"infuse/fetch/devserver"
)

const (
	ecsAgent  = "GET 169.254.170.2/v2/credentials/abc"
	imdsToken = "PUT 169.254.169.254/latest/api/token"
	imdsRoles = "GET 169.254.169.254/latest/meta-data/iam/security-credentials/"
	imdsRole  = "GET 169.254.169.254/latest/meta-data/iam/security-credentials/app-role"
	imdsPlace = "GET 169.254.169.254/latest/meta-data/placement/region"
	awsSTS    = "POST sts.eu-central-1.amazonaws.com/"
)

// signer is AWS's side: it knows the keys, and signs the same request with the
// official SDK. Both signatures have to be the same.
type signer struct {
	keys   aws.Credentials
	region string
	at     time.Time
}

func (s *signer) verify(_ *http.Request, body map[string]any) error {
	var text [2][]byte
	for i, name := range []string{"iamRequestBody", "iamRequestHeaders"} {
		b, err := base64.StdEncoding.DecodeString(fmt.Sprint(body[name]))
		if err != nil {
			return err
		}
		text[i] = b
	}
	if body["iamHttpRequestMethod"] != "POST" || string(text[0]) != "Action=GetCallerIdentity&Version=2011-06-15" {
		return errors.New("another request")
	}
	var headers map[string]string
	if err := json.Unmarshal(text[1], &headers); err != nil {
		return err
	}
	host := "sts." + s.region + ".amazonaws.com"
	if headers["Host"] != host || headers["Content-Type"] != "application/x-www-form-urlencoded; charset=utf-8" || headers["Content-Length"] != "43" {
		return fmt.Errorf("headers %v", headers)
	}
	req, err := http.NewRequest(http.MethodPost, "https://"+host+"/", bytes.NewReader(text[0]))
	if err != nil {
		return err
	}
	const sum = "ab821ae955788b0e33ebd34c208442ccfc2d406e2edc5e7a39bd6458fbb4f843" // of the body
	if err := v4.NewSigner().SignHTTP(req.Context(), s.keys, req, sum, "sts", s.region, s.at); err != nil {
		return err
	}
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		if headers[name] != req.Header.Get(name) {
			return fmt.Errorf("%s differs from the official SDK's:\n%s\n%s", name, headers[name], req.Header.Get(name))
		}
	}
	return nil
}

var _ devserver.VerifyFunc = (*signer)(nil).verify

func awsBench(t *testing.T, keys aws.Credentials, region string) *workloadBench {
	at := time.Date(2026, 11, 23, 8, 40, 7, 0, time.UTC)
	s := &signer{keys: keys, region: region, at: at}
	b := newWorkloadBench(t, "aws-auth", s.verify)
	b.config.Now = func() time.Time { return at.In(time.FixedZone("x", 7200)) }
	b.config.AuthMethod = "aws-iam"
	b.config.Home = t.TempDir()
	b.set("INFISICAL_MACHINE_IDENTITY_ID="+b.id, "PATH=/usr/bin:/bin")
	return b
}

var (
	lasting   = aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	temporary = aws.Credentials{AccessKeyID: "ASIAEXAMPLE", SecretAccessKey: "other+secret/key==", SessionToken: "FwoGZXIvYXdzEBY//////////wEa=="}
)

// roleJSON is how agents and metadata servers spell temporary keys.
func roleJSON(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprintf(w, `{"Code":"Success","AccessKeyId":%q,"SecretAccessKey":%q,"Token":%q,"Expiration":"2026-11-23T14:00:00Z"}`,
		temporary.AccessKeyID, temporary.SecretAccessKey, temporary.SessionToken)
}

// TestAWSSources: every place keys come from, in the SDKs' order.
func TestAWSSources(t *testing.T) {
	need(t, "sh")
	profileOf := func(name string, keys aws.Credentials, more string) string {
		return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key=%s\n%s\n", name, keys.AccessKeyID, keys.SecretAccessKey, more)
	}
	environment := []string{"AWS_ACCESS_KEY_ID=" + lasting.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + lasting.SecretAccessKey}
	session := []string{
		"AWS_ACCESS_KEY_ID=" + temporary.AccessKeyID, "AWS_SECRET_ACCESS_KEY=" + temporary.SecretAccessKey, "AWS_SESSION_TOKEN=" + temporary.SessionToken,
	}
	for _, c := range []struct {
		name   string
		keys   aws.Credentials
		region string
		setUp  func(t *testing.T, b *workloadBench)
	}{
		{"environment", lasting, "us-east-1", func(_ *testing.T, b *workloadBench) { b.set(environment...) }},
		{"environment with a region", lasting, "eu-central-1", func(_ *testing.T, b *workloadBench) {
			b.set(environment...)
			b.set("AWS_REGION=eu-central-1", "AWS_DEFAULT_REGION=us-west-2")
		}},
		{"environment with a default region", lasting, "ap-southeast-2", func(_ *testing.T, b *workloadBench) {
			b.set(environment...)
			b.set("AWS_DEFAULT_REGION=ap-southeast-2")
		}},
		{"session", temporary, "us-east-1", func(_ *testing.T, b *workloadBench) { b.set(session...) }},
		{"environment before a profile", temporary, "us-east-1", func(t *testing.T, b *workloadBench) {
			b.set(session...)
			b.set("AWS_PROFILE=p")
			write(t, filepath.Join(b.config.Home, ".aws", "credentials"), profileOf("p", lasting, ""))
		}},
		{"default profile", lasting, "eu-west-1", func(t *testing.T, b *workloadBench) {
			write(t, filepath.Join(b.config.Home, ".aws", "credentials"), "# comment\n\n"+profileOf("default", lasting, ""))
			write(t, filepath.Join(b.config.Home, ".aws", "config"), "[default]\nregion = eu-west-1 # here\ns3 =\n  aws_access_key_id = nested\n[profile default]\noutput=json\n")
		}},
		{"named profile", temporary, "us-east-1", func(t *testing.T, b *workloadBench) {
			b.set("AWS_PROFILE=prod")
			write(t, filepath.Join(b.config.Home, ".aws", "credentials"),
				profileOf("default", lasting, "")+profileOf("prod", temporary, "aws_session_token = "+temporary.SessionToken))
		}},
		{"credentials file before the config file", lasting, "us-east-1", func(t *testing.T, b *workloadBench) {
			b.set("AWS_PROFILE=prod")
			write(t, filepath.Join(b.config.Home, ".aws", "credentials"), profileOf("prod", lasting, ""))
			write(t, filepath.Join(b.config.Home, ".aws", "config"), profileOf("profile prod", temporary, ""))
		}},
		{"files elsewhere", lasting, "us-east-1", func(t *testing.T, b *workloadBench) {
			dir := t.TempDir()
			b.config.Home = ""
			b.set("AWS_SHARED_CREDENTIALS_FILE="+write(t, filepath.Join(dir, "c"), profileOf("default", lasting, "")), "AWS_CONFIG_FILE="+filepath.Join(dir, "no"))
		}},
		{"process of a profile", temporary, "us-east-1", func(t *testing.T, b *workloadBench) {
			out := write(t, filepath.Join(t.TempDir(), "out"), fmt.Sprintf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":%q}`,
				temporary.AccessKeyID, temporary.SecretAccessKey, temporary.SessionToken))
			write(t, filepath.Join(b.config.Home, ".aws", "config"), "[default]\ncredential_process = sh -c 'cat "+out+"'\n")
		}},
		{"ECS", temporary, "us-east-1", func(_ *testing.T, b *workloadBench) {
			b.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/abc")
			b.handle(ecsAgent, roleJSON)
		}},
		{"EKS pod identity", temporary, "eu-central-1", func(t *testing.T, b *workloadBench) {
			b.set("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.23/v1/credentials", "AWS_REGION=eu-central-1",
				"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+write(t, filepath.Join(t.TempDir(), "token"), "pod-token\n"))
			b.handle("GET 169.254.170.23/v1/credentials", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "pod-token" {
					t.Errorf("authorization %q", r.Header.Get("Authorization"))
				}
				roleJSON(w, r)
			})
		}},
		{"a container's token in a variable", temporary, "us-east-1", func(t *testing.T, b *workloadBench) {
			b.set("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://localhost:9/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN=tok")
			b.handle("GET localhost:9/creds", func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") != "tok" {
					t.Errorf("authorization %q", r.Header.Get("Authorization"))
				}
				roleJSON(w, r)
			})
		}},
		{"EKS service account", temporary, "eu-central-1", func(t *testing.T, b *workloadBench) {
			b.set("AWS_WEB_IDENTITY_TOKEN_FILE="+write(t, filepath.Join(t.TempDir(), "token"), "web-token"), "AWS_ROLE_ARN=arn:aws:iam::1:role/x", "AWS_REGION=eu-central-1")
			b.handle(awsSTS, func(w http.ResponseWriter, r *http.Request) {
				if r.PostFormValue("Action") != "AssumeRoleWithWebIdentity" || r.PostFormValue("WebIdentityToken") != "web-token" || r.PostFormValue("RoleArn") != "arn:aws:iam::1:role/x" {
					t.Errorf("got %v", r.PostForm)
				}
				fmt.Fprintf(w, `{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"Credentials":{"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":%q,"Expiration":1.7954E9}}}}`,
					temporary.AccessKeyID, temporary.SecretAccessKey, temporary.SessionToken)
			})
		}},
		{"EC2", temporary, "eu-north-1", func(t *testing.T, b *workloadBench) { instance(t, b, "eu-north-1") }},
		{"EC2 by IPv6", temporary, "eu-north-1", func(t *testing.T, b *workloadBench) {
			b.set("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE=IPv6")
			instance(t, b, "eu-north-1")
			moved := map[string]http.HandlerFunc{}
			for what, h := range b.handlers {
				moved[strings.Replace(what, "169.254.169.254", "[fd00:ec2::254]", 1)] = h
			}
			b.handlers = moved
		}},
		{"EC2 with a region", temporary, "eu-central-1", func(t *testing.T, b *workloadBench) {
			instance(t, b, "eu-north-1")
			b.set("AWS_REGION=eu-central-1")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := awsBench(t, c.keys, c.region)
			c.setUp(t, b)
			if found, _ := b.mustLogin(t); !found.KeyMaterial.IsZero() {
				t.Error("the keys of AWS rotate: they give no key")
			}
		})
	}
}

// instance is the metadata server of a virtual machine, version 2: nothing without its token.
func instance(t *testing.T, b *workloadBench, region string) {
	b.handle(imdsToken, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-aws-ec2-metadata-token-ttl-seconds") == "" {
			t.Error("no lifetime for the token")
		}
		fmt.Fprint(w, "imds-token")
	})
	guarded := func(h http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-aws-ec2-metadata-token") != "imds-token" {
				http.Error(w, "no token", http.StatusUnauthorized)
				return
			}
			h(w, r)
		}
	}
	b.handle(imdsRoles, guarded(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "app-role") }))
	b.handle(imdsRole, guarded(roleJSON))
	b.handle(imdsPlace, guarded(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, region) }))
}

func TestAWSFailures(t *testing.T) {
	secretLine := "\naws_access_key_id = A\naws_secret_access_key = " + canary + "\n"
	for _, c := range []struct {
		name, want string
		setUp      func(t *testing.T, b *workloadBench)
	}{
		{"not on EC2", "no AWS credentials", func(*testing.T, *workloadBench) {}},
		{"metadata switched off", "AWS_EC2_METADATA_DISABLED is set", func(_ *testing.T, b *workloadBench) { b.set("AWS_EC2_METADATA_DISABLED=true") }},
		{"no role", "this instance has no role", func(t *testing.T, b *workloadBench) {
			instance(t, b, "x")
			b.handle(imdsRoles, http.NotFound)
		}},
		{"role without keys", "has no credentials for the role: AssumeRoleUnauthorizedAccess", func(t *testing.T, b *workloadBench) {
			instance(t, b, "x")
			b.handle(imdsRole, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"Code":"AssumeRoleUnauthorizedAccess"}`) })
		}},
		{"odd region", "not an AWS region", func(_ *testing.T, b *workloadBench) {
			b.set("AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY="+canary, "AWS_REGION=evil.example/x")
		}},
		{"unknown profile", `the AWS config has no profile "nope"`, func(_ *testing.T, b *workloadBench) { b.set("AWS_PROFILE=nope") }},
		{"profile with a role", "left to AWS's own tools", func(t *testing.T, b *workloadBench) {
			write(t, filepath.Join(b.config.Home, ".aws", "config"), "[default]"+secretLine+"role_arn=arn:aws:iam::1:role/x\n")
		}},
		{"profile with SSO", "left to AWS's own tools", func(t *testing.T, b *workloadBench) {
			write(t, filepath.Join(b.config.Home, ".aws", "config"), "[default]\nsso_session = corp\n")
		}},
		{"half a profile", "has a key id without a secret", func(t *testing.T, b *workloadBench) {
			write(t, filepath.Join(b.config.Home, ".aws", "credentials"), "[default]\naws_access_key_id = A\n")
		}},
		{"process that prints rubbish", "its output is not JSON of version 1", func(t *testing.T, b *workloadBench) {
			write(t, filepath.Join(b.config.Home, ".aws", "config"), "[default]\ncredential_process = echo "+canary+"\n")
		}},
		{"agent far away", "AWS_CONTAINER_CREDENTIALS_FULL_URI is not an address", func(_ *testing.T, b *workloadBench) {
			b.set("AWS_CONTAINER_CREDENTIALS_FULL_URI=http://evil.example/creds", "AWS_CONTAINER_AUTHORIZATION_TOKEN="+canary)
		}},
		{"missing token file", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: reading /nowhere", func(_ *testing.T, b *workloadBench) {
			b.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/x", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/nowhere")
		}},
		{"web token without a role", "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN", func(t *testing.T, b *workloadBench) {
			b.set("AWS_WEB_IDENTITY_TOKEN_FILE=" + write(t, filepath.Join(t.TempDir(), "token"), canary))
		}},
		{"role that does not trust", "400 Bad Request", func(t *testing.T, b *workloadBench) {
			b.set("AWS_WEB_IDENTITY_TOKEN_FILE="+write(t, filepath.Join(t.TempDir(), "token"), canary), "AWS_ROLE_ARN=arn", "AWS_REGION=eu-central-1")
			b.handle(awsSTS, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, canary, http.StatusBadRequest) })
		}},
		{"missing web token", "AWS_WEB_IDENTITY_TOKEN_FILE: reading /nowhere", func(_ *testing.T, b *workloadBench) {
			b.set("AWS_WEB_IDENTITY_TOKEN_FILE=/nowhere", "AWS_ROLE_ARN=arn")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := awsBench(t, lasting, "us-east-1")
			c.setUp(t, b)
			b.failing(t, c.want)
		})
	}
	for _, what := range []string{ecsAgent} {
		faults(t, what, func(t *testing.T) *workloadBench {
			b := awsBench(t, temporary, "us-east-1")
			b.set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/abc")
			return b
		})
	}
	t.Run("metadata server", func(t *testing.T) {
		faults(t, imdsRole, func(t *testing.T) *workloadBench {
			b := awsBench(t, temporary, "us-east-1")
			instance(t, b, "us-east-1")
			return b
		})
	})
}

// TestAWSSignature compares with the official SDK over many keys, regions and times.
func TestAWSSignature(t *testing.T) {
	regions := []string{"us-east-1", "eu-central-1", "us-gov-west-1", "ap-southeast-5"}
	for i := range 100 {
		keys := aws.Credentials{AccessKeyID: fmt.Sprintf("AKIA%016d", i*7919), SecretAccessKey: strings.Repeat(fmt.Sprintf("%x/+", i), 5)}
		if i%2 == 1 {
			keys.SessionToken = strings.Repeat(fmt.Sprintf("%d=", i), i)
		}
		region := regions[i%len(regions)]
		at := time.Unix(1795400000+int64(i)*86399, 0)
		s := &signer{keys: keys, region: region, at: at}
		b := newWorkloadBench(t, "aws-auth", s.verify)
		b.config.Now = func() time.Time { return at }
		b.set("INFISICAL_AWS_IAM_AUTH_IDENTITY_ID="+b.id, "AWS_ACCESS_KEY_ID="+keys.AccessKeyID,
			"AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey, "AWS_SESSION_TOKEN="+keys.SessionToken, "AWS_REGION="+region)
		b.mustLogin(t)
	}
}
