//go:build !noidentities

package creds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// awsKeys are temporary or lasting AWS credentials.
type awsKeys struct {
	id            string
	secret, token secret.Value
}

// awsSources looks for keys where the AWS SDKs do, in their order: the
// environment, a web identity token, the shared config profile, the container's
// endpoint, the instance's metadata server
// (https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html).
type awsSources struct{ *input }

// check finds what is wrong without asking the network.
func (a awsSources) check() error {
	id, key := a.env["AWS_ACCESS_KEY_ID"], a.env["AWS_SECRET_ACCESS_KEY"]
	if (id == "") != (key == "") {
		return wrong("set both or neither", "only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set")
	}
	if a.env["AWS_WEB_IDENTITY_TOKEN_FILE"] != "" && a.env["AWS_ROLE_ARN"] == "" && id == "" {
		return wrong("the EKS webhook sets both", "AWS_WEB_IDENTITY_TOKEN_FILE is set without AWS_ROLE_ARN")
	}
	if u := a.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"]; u != "" && a.env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] == "" {
		return checkContainerURI(u)
	}
	return nil
}

// find returns the keys and the region to sign for.
func (a awsSources) find(ctx context.Context) (awsKeys, string, error) {
	_, region := a.first("AWS_REGION", "AWS_DEFAULT_REGION")
	profile, err := a.profile()
	if err != nil {
		return awsKeys{}, "", err
	}
	region = firstOf(region, profile.values["region"])
	// Any region can tell who signed; this one is never switched off.
	signing := firstOf(region, "us-east-1")

	switch {
	case a.env["AWS_ACCESS_KEY_ID"] != "":
		return awsKeys{
			id: a.env["AWS_ACCESS_KEY_ID"], secret: secret.New(a.env["AWS_SECRET_ACCESS_KEY"]), token: secret.New(a.env["AWS_SESSION_TOKEN"]),
		}, signing, nil
	case a.env["AWS_WEB_IDENTITY_TOKEN_FILE"] != "":
		keys, err := a.webIdentity(ctx, signing)
		return keys, signing, err
	case profile.found:
		keys, err := a.profileKeys(ctx, profile)
		return keys, signing, err
	case a.env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] != "" || a.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"] != "":
		keys, err := a.container(ctx)
		return keys, signing, err
	case strings.EqualFold(a.env["AWS_EC2_METADATA_DISABLED"], "true"):
		return awsKeys{}, "", errors.New("no AWS credentials in the environment, the shared config or a container, and AWS_EC2_METADATA_DISABLED is set")
	}
	return a.instance(ctx, region)
}

// roleKeys is how the container endpoint, the metadata server and a credential
// process of AWS spell keys.
type roleKeys struct {
	Code            string
	AccessKeyID     string    `json:"AccessKeyId"`
	SecretAccessKey api.Plain `json:"SecretAccessKey"`
	Token           api.Plain `json:"Token"`
	SessionToken    api.Plain `json:"SessionToken"`
}

func (r roleKeys) keys(where string) (awsKeys, error) {
	if r.AccessKeyID == "" || r.SecretAccessKey.Empty() {
		return awsKeys{}, fmt.Errorf("%s: the answer holds no credentials", where)
	}
	token := r.Token.Value
	if token.Empty() {
		token = r.SessionToken.Value
	}
	return awsKeys{id: r.AccessKeyID, secret: r.SecretAccessKey.Value, token: token}, nil
}

// container asks the agent of ECS, or of EKS pod identity
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html).
func (a awsSources) container(ctx context.Context) (awsKeys, error) {
	address := "http://169.254.170.2" + a.env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"]
	header := http.Header{}
	if a.env["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] == "" {
		address = a.env["AWS_CONTAINER_CREDENTIALS_FULL_URI"]
		if err := checkContainerURI(address); err != nil {
			return awsKeys{}, err
		}
	}
	token := a.env["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
	if path := a.env["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"]; path != "" {
		v, err := source{what: "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path: path}.read(nil)
		if err != nil {
			return awsKeys{}, err
		}
		token = v.Reveal()
	}
	if token != "" {
		header.Set("Authorization", token)
	}
	var answer roleKeys
	if err := a.platformJSON(ctx, platformCall{url: address, header: header}, &answer); err != nil {
		return awsKeys{}, err
	}
	return answer.keys("container credentials")
}

// checkContainerURI keeps the authorization token on the machine: plain http
// only to loopback and to the agents' own addresses.
func checkContainerURI(address string) error {
	u, err := url.Parse(address)
	if err == nil && u.Scheme == "https" && u.Host != "" {
		return nil
	}
	if err == nil && u.Scheme == "http" {
		host := u.Hostname()
		ip := net.ParseIP(host)
		if host == "localhost" || ip != nil && (ip.IsLoopback() ||
			host == "169.254.170.2" || host == "169.254.170.23" || ip.Equal(net.ParseIP("fd00:ec2::23"))) {
			return nil
		}
	}
	return wrong("use https, or an address on this machine", "AWS_CONTAINER_CREDENTIALS_FULL_URI is not an address that may see the authorization token")
}

// instance asks the metadata server, version 2 only
// (https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html).
func (a awsSources) instance(ctx context.Context, region string) (awsKeys, string, error) {
	base := "http://169.254.169.254"
	if strings.EqualFold(a.env["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"], "IPv6") {
		base = "http://[fd00:ec2::254]"
	}
	base = strings.TrimRight(firstOf(a.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"], base), "/")
	token, err := a.platform(ctx, platformCall{
		method: http.MethodPut, url: base + "/latest/api/token",
		header: http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"300"}},
	})
	if err != nil {
		return awsKeys{}, "", wrong("give this machine a role (a container on it needs a metadata hop limit of 2), or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
			"no AWS credentials: %w", err)
	}
	header := http.Header{"X-Aws-Ec2-Metadata-Token": {string(token)}}
	const roles = "/latest/meta-data/iam/security-credentials/"
	role, err := a.platform(ctx, platformCall{url: base + roles, header: header})
	if e, ok := errors.AsType[*platformError](err); ok && e.status == http.StatusNotFound {
		return awsKeys{}, "", wrong("attach an instance profile", "this instance has no role")
	}
	if err != nil {
		return awsKeys{}, "", err
	}
	name, _, _ := strings.Cut(strings.TrimSpace(string(role)), "\n")
	if name == "" {
		return awsKeys{}, "", wrong("attach an instance profile", "this instance has no role")
	}
	var answer roleKeys
	if err := a.platformJSON(ctx, platformCall{url: base + roles + url.PathEscape(name), header: header}, &answer); err != nil {
		return awsKeys{}, "", err
	}
	if answer.Code != "" && answer.Code != "Success" {
		return awsKeys{}, "", fmt.Errorf("the metadata server has no credentials for the role: %s", printable(answer.Code))
	}
	keys, err := answer.keys("instance metadata")
	if err != nil || region != "" {
		return keys, region, err
	}
	place, err := a.platform(ctx, platformCall{url: base + "/latest/meta-data/placement/region", header: header})
	return keys, strings.TrimSpace(string(place)), err
}

// webIdentity exchanges a projected token for a role's keys, as in EKS with
// IAM roles for service accounts. The request is not signed.
func (a awsSources) webIdentity(ctx context.Context, region string) (awsKeys, error) {
	if !validRegion(region) {
		return awsKeys{}, wrong("set AWS_REGION to one such as eu-central-1", "not an AWS region: %q", printable(region))
	}
	token, err := source{what: "AWS_WEB_IDENTITY_TOKEN_FILE", path: a.env["AWS_WEB_IDENTITY_TOKEN_FILE"]}.read(nil)
	if err != nil {
		return awsKeys{}, err
	}
	address := firstOf(a.env["AWS_ENDPOINT_URL_STS"], "https://sts."+region+".amazonaws.com/")
	var answer struct {
		Response struct {
			Result struct {
				Credentials roleKeys
			} `json:"AssumeRoleWithWebIdentityResult"`
		} `json:"AssumeRoleWithWebIdentityResponse"`
	}
	err = a.platformJSON(ctx, form(address, url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {a.env["AWS_ROLE_ARN"]},
		"RoleSessionName": {firstOf(a.env["AWS_ROLE_SESSION_NAME"], "infuse")}, "WebIdentityToken": {token.Reveal()},
	}), &answer)
	if e, ok := errors.AsType[*platformError](err); ok && e.status < 500 {
		return awsKeys{}, wrong("check that the trust policy of AWS_ROLE_ARN allows this service account", "%w", err)
	}
	if err != nil {
		return awsKeys{}, err
	}
	return answer.Response.Result.Credentials.keys("AssumeRoleWithWebIdentity")
}

// processKeys reads what a credential_process of AWS printed.
func processKeys(out []byte) (awsKeys, error) {
	var answer struct {
		Version int
		roleKeys
	}
	if json.Unmarshal(out, &answer) != nil || answer.Version != 1 {
		return awsKeys{}, errors.New("credential_process: its output is not JSON of version 1")
	}
	return answer.keys("credential_process")
}
