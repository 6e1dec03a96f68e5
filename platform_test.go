//go:build unix

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptPlatform is the platforms of one script:
//
//	platform kubernetes|spiffe         write the token file, name it in the variable
//	platform ec2|eks|irsa              AWS: metadata server, pod identity agent, web identity token
//	platform gcp|google                Google: metadata server, a service account's key file
//	platform azure|appservice|aks      Azure: metadata server, App Service, workload identity of AKS
//	platform github                    the runner's token service
//	platform token FILE                write a token of some issuer to FILE
//	platform variable NAME             put an id token into a variable, as GitLab does
//	    all of them: CLAIM=VALUE... changes what the token says
//	platform says CLAIM=VALUE...       what the tokens of the endpoints say from now on
//	platform fail WHAT STATUS [TIMES]  WHAT is a path of a metadata server, or the host and path of a public service
//	platform hang WHAT
//	platform clear
//	platform count WHAT N
//	platform off                       take all variables of the platforms away
type scriptPlatform struct {
	*endpoints
	http      *httptest.Server
	variables map[string]bool // that were set
	public    bool            // the proxy stands
}

// addressesOf are the variables by which a platform names its endpoint at base.
var addressesOf = map[string]func(base string) map[string]string{
	"ec2": func(base string) map[string]string {
		return map[string]string{"AWS_EC2_METADATA_SERVICE_ENDPOINT": base + "/"}
	},
	"eks": func(base string) map[string]string {
		return map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": base + "/v1/credentials", "AWS_REGION": "eu-central-1"}
	},
	"irsa": func(string) map[string]string {
		return map[string]string{"AWS_ROLE_ARN": awsRole, "AWS_REGION": "eu-central-1"}
	},
	"gcp": func(base string) map[string]string {
		return map[string]string{"GCE_METADATA_HOST": strings.TrimPrefix(base, "http://")}
	},
	"google": func(string) map[string]string { return nil },
	"azure": func(base string) map[string]string {
		return map[string]string{"AZURE_POD_IDENTITY_AUTHORITY_HOST": base}
	},
	"appservice": func(base string) map[string]string {
		return map[string]string{"IDENTITY_ENDPOINT": base + "/msi/token", "IDENTITY_HEADER": appHeader}
	},
	"aks": func(string) map[string]string {
		return map[string]string{"AZURE_CLIENT_ID": "app-client", "AZURE_TENANT_ID": azureTenant, "AZURE_AUTHORITY_HOST": "https://login.microsoftonline.com/"}
	},
	"github": func(base string) map[string]string {
		return map[string]string{"ACTIONS_ID_TOKEN_REQUEST_URL": base + "/actions/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": githubToken}
	},
	"kubernetes": func(string) map[string]string { return nil },
	"spiffe":     func(string) map[string]string { return nil },
}

// tokenFiles are the files that a platform projects, with the variable that names each.
var tokenFiles = map[string]struct {
	variable string
	claims   map[string]any
}{
	"kubernetes": {"INFISICAL_KUBERNETES_SERVICE_ACCOUNT_TOKEN_PATH", expected["kubernetes"]},
	"spiffe":     {"INFISICAL_SPIFFE_JWT_PATH", expected["spiffe"]},
	"irsa":       {"AWS_WEB_IDENTITY_TOKEN_FILE", map[string]any{"aud": "sts.amazonaws.com", "sub": "system:serviceaccount:shop:app"}},
	"aks":        {"AZURE_FEDERATED_TOKEN_FILE", map[string]any{"aud": "api://AzureADTokenExchange", "sub": "system:serviceaccount:shop:app"}},
}

func cmdPlatform(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: platform NAME|says|fail|... (see platform_test.go)")
	}
	st := state(ts)
	if st.platform == nil {
		st.platform = &scriptPlatform{endpoints: newEndpoints(), variables: map[string]bool{}}
		st.platform.http = httptest.NewServer(st.platform.endpoints)
		ts.Defer(func() {
			st.platform.http.CloseClientConnections()
			st.platform.http.Close()
		})
	}
	p := st.platform
	if addresses := addressesOf[args[0]]; addresses != nil {
		p.setUp(ts, args[0], addresses(p.http.URL), claimsOf(ts, args[1:]))
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch args[0] {
	case "token", "variable":
		claims := maps.Clone(expected["jwt"])
		if args[0] == "variable" {
			claims = maps.Clone(expected["oidc"])
		}
		maps.Copy(claims, claimsOf(ts, args[2:]))
		token := platformIssuer().sign(claims)
		if args[0] == "variable" {
			p.set(ts, args[1], token)
		} else {
			ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(token+"\n"), 0o600))
		}
	case "says":
		p.claims = claimsOf(ts, args[1:])
	case "fail":
		status, err := strconv.Atoi(args[2])
		ts.Check(err)
		fault := platformFault{status: status}
		if len(args) > 3 {
			fault.times, err = strconv.Atoi(args[3])
			ts.Check(err)
		}
		p.faults[args[1]] = fault
	case "hang":
		p.faults[args[1]] = platformFault{}
	case "clear":
		clear(p.faults)
	case "count":
		if want, err := strconv.Atoi(args[2]); err != nil || p.counts[args[1]] != want {
			ts.Fatalf("%d requests of %s, want %s; there were %v", p.counts[args[1]], args[1], args[2], p.counts)
		}
	case "off":
		for name := range p.variables {
			ts.Setenv(name, "")
		}
	default:
		ts.Fatalf("unknown: platform %s", args[0])
	}
}

func (p *scriptPlatform) set(ts *testscript.TestScript, name, value string) {
	ts.Setenv(name, value)
	p.variables[name] = true
}

// setUp sets the variables of a platform and writes its files.
func (p *scriptPlatform) setUp(ts *testscript.TestScript, name string, variables map[string]string, claims map[string]any) {
	for variable, value := range variables {
		p.set(ts, variable, value)
	}
	if file, ok := tokenFiles[name]; ok {
		all := maps.Clone(file.claims)
		maps.Copy(all, claims)
		path := ts.MkAbs(name + ".token")
		ts.Check(os.WriteFile(path, []byte(platformIssuer().sign(all)), 0o600))
		p.set(ts, file.variable, path)
	}
	switch name {
	case "eks":
		path := ts.MkAbs("eks.token")
		ts.Check(os.WriteFile(path, []byte(agentToken+"\n"), 0o600))
		p.set(ts, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path)
	case "google":
		path := ts.MkAbs("google.json")
		ts.Check(os.WriteFile(path, googleKeyFile(), 0o600))
		p.set(ts, "INFISICAL_GCP_IAM_SERVICE_ACCOUNT_KEY_FILE_PATH", path)
	}
	switch name {
	case "google", "irsa", "aks":
		p.publish(ts)
	}
}

// publish makes the public services reachable under their real names: by a
// proxy that leads every name to the endpoints, and an authority that vouches
// for them, both named by the usual variables.
func (p *scriptPlatform) publish(ts *testscript.TestScript) {
	if !p.public {
		authority := newAuthority("platforms")
		secure := httptest.NewUnstartedServer(p.endpoints)
		secure.Config.ErrorLog = log.New(io.Discard, "", 0)
		secure.TLS = &tls.Config{Certificates: []tls.Certificate{authority.issue("platforms",
			"sts.eu-central-1.amazonaws.com", "oauth2.googleapis.com", "iamcredentials.googleapis.com", "login.microsoftonline.com")}}
		secure.StartTLS()
		proxy := httptest.NewServer(connectTo(secure.Listener.Addr().String()))
		ts.Defer(func() {
			proxy.CloseClientConnections()
			proxy.Close()
			secure.CloseClientConnections()
			secure.Close()
		})
		ts.Check(os.WriteFile(ts.MkAbs("platforms.pem"), authority.pem(), 0o600))
		ts.Setenv("PLATFORM_PROXY", proxy.URL)
		p.public = true
	}
	p.set(ts, "HTTPS_PROXY", ts.Getenv("PLATFORM_PROXY"))
	p.set(ts, "SSL_CERT_FILE", ts.MkAbs("platforms.pem"))
}

// connectTo is a proxy that leads every CONNECT to one address.
func connectTo(address string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
			return
		}
		up, err := net.Dial("tcp", address)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer up.Close()
		down, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer down.Close()
		_, _ = io.WriteString(down, "HTTP/1.1 200 Connection established\r\n\r\n")
		go func() {
			_, _ = io.Copy(up, down)
			_ = up.(*net.TCPConn).CloseWrite()
		}()
		_, _ = io.Copy(down, up)
	})
}

// claimsOf reads CLAIM=VALUE. exp=SECONDS is relative to now.
func claimsOf(ts *testscript.TestScript, args []string) map[string]any {
	claims := map[string]any{}
	for _, arg := range args {
		name, value, ok := strings.Cut(arg, "=")
		if !ok {
			ts.Fatalf("%q is not CLAIM=VALUE", arg)
		}
		claims[name] = value
		if name == "exp" {
			seconds, err := strconv.Atoi(value)
			ts.Check(err)
			claims[name] = time.Now().Unix() + int64(seconds)
		}
	}
	return claims
}

// googleKeyFile is the key file of a service account.
func googleKeyFile() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(platformIssuer().key)
	if err != nil {
		panic(err)
	}
	b, err := json.Marshal(map[string]string{
		"type": "service_account", "client_email": googleAccount, "private_key_id": "platform",
		"private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri":   "https://oauth2.googleapis.com/token", "universe_domain": "googleapis.com",
	})
	if err != nil {
		panic(err)
	}
	return b
}
