package creds

import (
	"context"
	"fmt"
	"strings"

	"infuse/fetch/api"
	"infuse/fetch/secret"
)

// workload proves who this machine is by what its platform says of it, so that
// no secret has to be given to it. Which platform is chosen by --auth-method or
// INFISICAL_AUTH_METHOD, or follows from what is configured.
type workload struct{ *input }

func (*workload) Name() string { return "workload identity" }

// method is one platform's way.
type method struct {
	name  string // as --auth-method has it, without the suffix -auth
	route string // below /api/v1/auth
	ids   []string
	// evidence tells whether this method is meant, when nobody chose one.
	evidence func(*input) evidence
	// prepare checks what can be checked without the network. id is the identity's.
	prepare func(in *input, id string) (proof, error)
}

// evidence is how clearly a method is meant.
type evidence int

const (
	none    evidence = iota
	ambient          // the platform is there, for whatever it may be used
	told             // a variable of Infisical's speaks of it
)

// proof is what a login shows beside the identity's id.
type proof struct {
	members func(ctx context.Context) (map[string]any, error) // of the request's body, asked for at every login
	files   []string
	key     secret.Value // stable secret, if there is one
	setUp   string       // what to do when the platform does not give it
	next    string       // what to do when the server refuses it
}

// methods is the registry: one line each.
var methods = []method{
	{"kubernetes", "kubernetes-auth", []string{"INFISICAL_KUBERNETES_IDENTITY_ID"}, kubernetesEvidence, kubernetes},
	{"aws-iam", "aws-auth", []string{"INFISICAL_AWS_IAM_AUTH_IDENTITY_ID"}, awsEvidence, awsIAM},
	{"gcp-id-token", "gcp-auth", []string{"INFISICAL_GCP_AUTH_IDENTITY_ID"}, gcpIDTokenEvidence, gcpIDToken},
	{"gcp-iam", "gcp-auth", []string{"INFISICAL_GCP_AUTH_IDENTITY_ID"}, gcpIAMEvidence, gcpIAM},
	{"azure", "azure-auth", []string{"INFISICAL_AZURE_AUTH_IDENTITY_ID"}, azureEvidence, azure},
	{"oidc", "oidc-auth", []string{"INFISICAL_OIDC_AUTH_IDENTITY_ID"}, oidcEvidence, oidc},
	{"jwt", "jwt-auth", []string{"INFISICAL_JWT_AUTH_IDENTITY_ID"}, jwtEvidence, plainJWT},
	{"ldap", "ldap-auth", []string{"INFISICAL_LDAP_AUTH_IDENTITY_ID"}, ldapEvidence, ldap},
	{"tls-cert", "tls-cert-auth", []string{"INFISICAL_TLS_CERT_AUTH_IDENTITY_ID"}, tlsCertEvidence, tlsCert},
	{"spiffe", "spiffe-auth", []string{"INFISICAL_SPIFFE_AUTH_IDENTITY_ID"}, spiffeEvidence, spiffe},
}

const machineIdentity = "INFISICAL_MACHINE_IDENTITY_ID"

func (w *workload) Retrieve(ctx context.Context) (Credential, error) {
	what, choice := "--auth-method", w.AuthMethod
	if choice == "" {
		what, choice = w.first("INFISICAL_AUTH_METHOD")
	}
	if strings.TrimSuffix(choice, "-auth") == "universal" {
		return w.universal(ctx, what)
	}
	m, err := w.choose(what, choice)
	if m == nil || err != nil {
		return Credential{}, err
	}
	idName, id := w.first(append(m.ids, machineIdentity)...)
	if id == "" {
		return Credential{}, wrong("set it to the id of the machine identity", "%s: neither %s nor %s is set", m.name, m.ids[0], machineIdentity)
	}
	p, err := m.prepare(w.input, id)
	if err != nil {
		return Credential{}, fmt.Errorf("%s: %w", m.name, err)
	}
	return w.credential(m, idName, id, p), nil
}

func (w *workload) credential(m *method, idName, id string, p proof) Credential {
	next := "check " + idName + " and the " + m.name + " settings of the identity on the server"
	if p.next != "" {
		next = p.next
	}
	slug := w.env["INFISICAL_AUTH_ORGANIZATION_SLUG"]
	return Credential{
		Method:      m.name,
		Identity:    printable(id),
		KeyMaterial: p.key,
		Files:       p.files,
		NextStep:    next,
		Login: func(ctx context.Context, c *api.Client) (api.Token, error) {
			body, err := p.members(ctx)
			if err != nil && p.setUp != "" && hintOf(err) == "" && ctx.Err() == nil {
				err = &problem{err: err, hint: p.setUp}
			}
			if err != nil {
				return api.Token{}, err
			}
			body["identityId"] = id
			if slug != "" {
				body["organizationSlug"] = slug
			}
			return login(ctx, c, m.route, body)
		},
	}
}

// universal is the chosen method universal-auth: the pair of the environment, and nothing else.
func (w *workload) universal(ctx context.Context, what string) (Credential, error) {
	c, warnings, err := w.pair(ctx)
	if err != nil || c.Configured() {
		c.Warnings = warnings
		return c, err
	}
	return Credential{}, wrong("set INFISICAL_CLIENT_ID and INFISICAL_CLIENT_SECRET (or their _FILE forms)",
		"%s is universal-auth, and there is no complete client id and secret", what)
}

// choose finds the method: the chosen one, else the one that is configured.
func (w *workload) choose(what, choice string) (*method, error) {
	if choice != "" {
		var known []string
		for i := range methods {
			if methods[i].name == strings.TrimSuffix(choice, "-auth") {
				return &methods[i], nil
			}
			known = append(known, methods[i].name)
		}
		return nil, wrong("one of: universal-auth, "+strings.Join(known, ", "), "%s: no such method: %q", what, printable(choice))
	}
	found := w.configured(told)
	if len(found) == 0 {
		found = w.configured(ambient)
	}
	switch len(found) {
	case 0:
		if w.env[machineIdentity] == "" {
			return nil, nil
		}
		return nil, wrong("choose one with --auth-method or INFISICAL_AUTH_METHOD",
			"%s is set, but nothing tells how this machine proves who it is", machineIdentity)
	case 1:
		return found[0], nil
	}
	var names []string
	for _, m := range found {
		names = append(names, m.name)
	}
	return nil, wrong("choose one with --auth-method or INFISICAL_AUTH_METHOD",
		"more than one method is configured: %s", strings.Join(names, " and "))
}

// configured lists the methods that have an identity and at least this evidence.
func (w *workload) configured(least evidence) []*method {
	var found []*method
	for i := range methods {
		m := &methods[i]
		if _, id := w.first(append(m.ids, machineIdentity)...); id != "" && m.evidence(w.input) >= least {
			found = append(found, m)
		}
	}
	return found
}

// evidence is told if one of the first names is set, ambient if one of the others is.
func (in *input) evidence(ours []string, theirs ...string) evidence {
	if name, _ := in.first(ours...); name != "" {
		return told
	}
	if name, _ := in.first(theirs...); name != "" {
		return ambient
	}
	return none
}
