// Command bare is the least a program can do for the same result, with nothing
// but the standard library: log in, list the secrets, exec. `make bench`
// compares infuse with it.
//
//	bare true
//
// It reads INFISICAL_URL, INFISICAL_CLIENT_ID, INFISICAL_CLIENT_SECRET,
// INFISICAL_PROJECT_ID, INFISICAL_ENVIRONMENT and, for https, SSL_CERT_FILE.
package main

import (
	"bytes"
	"encoding/json"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"syscall"
)

func main() {
	path, err := exec.LookPath(os.Args[1])
	check(err)
	base := os.Getenv("INFISICAL_URL")
	var login struct {
		AccessToken string `json:"accessToken"`
	}
	body, err := json.Marshal(map[string]string{"clientId": os.Getenv("INFISICAL_CLIENT_ID"), "clientSecret": os.Getenv("INFISICAL_CLIENT_SECRET")})
	check(err)
	resp, err := http.Post(base+"/api/v1/auth/universal-auth/login", "application/json", bytes.NewReader(body))
	check(err)
	check(json.NewDecoder(resp.Body).Decode(&login))
	resp.Body.Close()

	query := url.Values{
		"projectId": {os.Getenv("INFISICAL_PROJECT_ID")}, "environment": {os.Getenv("INFISICAL_ENVIRONMENT")}, "secretPath": {"/"},
		"includeImports": {"true"}, "expandSecretReferences": {"true"}, "recursive": {"false"}, "includePersonalOverrides": {"true"}, "viewSecretValue": {"true"},
	}
	req, err := http.NewRequest("GET", base+"/api/v4/secrets?"+query.Encode(), nil)
	check(err)
	req.Header.Set("Authorization", "Bearer "+login.AccessToken)
	resp, err = http.DefaultClient.Do(req)
	check(err)
	var list struct {
		Secrets []struct {
			Key   string `json:"secretKey"`
			Value string `json:"secretValue"`
		} `json:"secrets"`
	}
	check(json.NewDecoder(resp.Body).Decode(&list))
	env := os.Environ()
	for _, s := range list.Secrets {
		env = append(env, s.Key+"="+s.Value)
	}
	check(syscall.Exec(path, os.Args[1:], env))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
