package devserver_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"infuse/fetch/devserver"
)

// The model that the recorded exchanges came from, put together from the
// exchanges themselves. What no exchange shows, a raw value behind an
// expanded one for example, is filled in here so that the answers come out.

const (
	mainProject  = "896ccdce-063f-4c25-9324-7a2124a56e9a"
	otherProject = "e9ef78b8-ecb9-430e-9927-643c6101cdc3"
	v1Project    = "77fa7aed-9288-401e-a4c9-3a9430be62a0"
	userID       = "3dafd81d-4388-432b-a4c5-f735616868c1"
	organization = "180870b7-f464-4740-8ffe-9d11c9245ea7"
)

type recordedSecret struct {
	ID            string          `json:"id"`
	Environment   string          `json:"environment"`
	Version       int             `json:"version"`
	Type          string          `json:"type"`
	Key           string          `json:"secretKey"`
	Value         string          `json:"secretValue"`
	Comment       string          `json:"secretComment"`
	SkipMultiline bool            `json:"skipMultilineEncoding"`
	CreatedAt     time.Time       `json:"createdAt"`
	UpdatedAt     time.Time       `json:"updatedAt"`
	Path          string          `json:"secretPath"`
	Tags          []devserver.Tag `json:"tags"`
}

func (r recordedSecret) secret(env, path string) devserver.Secret {
	s := devserver.Secret{
		ID: r.ID, Environment: env, Path: path, Key: r.Key, Value: r.Value, Comment: r.Comment, Tags: r.Tags,
		SkipMultiline: r.SkipMultiline, Version: r.Version, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	if r.Type == "personal" {
		s.UserID = userID
	}
	return s
}

// identities by the id in their recorded tokens. Lifetimes in seconds, as the recorded
// logins and their notes say.
var recordedIdentities = []struct {
	id, clientID, secret, secretID string
	ttl, maxTTL                    int
	uses                           int
	role                           devserver.Role
}{
	{"ef263562-8ed1-441b-a10b-00f54aeedeee", "09fdbe0b-c48b-4522-91f4-578f39977619", "99433e0233b86dd34572ef94e8953ac2635ba49124ee4dff83d585e711fecbe0", "22420b96-43a5-45b2-b923-6eeded6af6a4", 7200, 86400, 0, devserver.Admin},
	{"89b6781f-37ca-45f5-ac02-155f2e5ee950", "e511dd86-aef8-4284-b573-81ad2cba1b93", "", "", 7200, 86400, 0, devserver.Admin}, // its client secret is added below
	{"5468f0c7-8327-4e3e-97b9-278595b62fcf", "0c10f865-7bee-47fd-8d79-4ecae7630988", "37de0ff8c9251e647ae2e7cf26a7bec3b96a80e6b7cb7b7fc439a3e0f8b144dd", "fd9fc4ab-4b6c-497c-a32c-d7593a53aaa6", 5, 60, 0, devserver.Admin},
	{"0f940437-525f-4012-b0e4-2a4d5a6c0a0e", "", "", "b3d4b610-7df2-4d51-9318-ac2fb6919850", 5, 12, 0, devserver.Admin},
	{"c5817add-cf34-4d44-a137-ff718aab73d9", "", "", "c8ba2a1b-fba6-40e3-8488-204acaf2ea88", 1, 1, 0, devserver.Admin},
	{"c4750b75-c379-4e68-b0de-0206f746fdf9", "", "", "3239b12f-6fae-4714-8cec-9d93c6cb264c", 7200, 86400, 3, devserver.Admin},
	{"d7d2593a-fa85-480b-9cc2-06ee93537a58", "", "", "0f2a37cc-52f6-49f6-8565-a6bef9331b15", 7200, 86400, 0, ""},
	{"0ef6c692-1c77-4225-881b-17369387aff7", "", "", "f9cbf7cd-3a80-4b41-8a7e-471059077a2f", 7200, 86400, 0, devserver.Viewer},
	{"88fa7aed-9288-401e-a4c9-fa9430be62a0", "", "", "456245d0-70b2-42af-84ba-b70885c86559", 2592000, 2592000, 0, devserver.Admin},
}

// recordedServer builds the model. now is the clock it asks.
func recordedServer(t *testing.T, all exchanges, now func() time.Time) *devserver.Server {
	s := devserver.New(devserver.Config{Era: devserver.Era2024, Now: now, SiteURL: "http://127.0.0.1:8080", Seed: 1})
	s.SetOrganization(devserver.Organization{ID: organization})
	s.AddUser(devserver.User{ID: userID, Email: "test@localhost.local", FirstName: "test", CreatedAt: at(t, "2026-11-23T02:08:38.958Z")})
	projects := recordedProjects(t, s, all)
	p := projects[mainProject]
	for _, f := range []devserver.Folder{
		{ID: "7bae0e3d-f63d-4802-80cf-e5a1a2bb29dd", Environment: "dev", Path: "/"},
		{ID: "cf592991-e615-4a47-8e31-61e64c15cffa", Environment: "prod", Path: "/shared"},
		{ID: "ca8ddf76-dce6-44be-9781-48745b24cff4", Environment: "prod", Path: "/backend/db"},
	} {
		p.FolderWith(f)
	}
	recordedFolders(t, p, all)
	recordedSecrets(t, p, projects[otherProject], all)
	recordedImports(t, p, all)
	recordedActors(t, s)
	return s
}

func recordedProjects(t *testing.T, s *devserver.Server, all exchanges) map[string]*devserver.Project {
	var body struct {
		Workspaces []struct {
			ID, Name, Slug       string
			CreatedAt, UpdatedAt time.Time
			Version              int
			Environments         []devserver.Environment
		}
	}
	all.decode(t, "119", &body)
	projects := map[string]*devserver.Project{}
	for _, w := range body.Workspaces {
		projects[w.ID] = s.AddProject(devserver.ProjectConfig{
			ID: w.ID, Name: w.Name, Slug: w.Slug, Environments: w.Environments, EndToEnd: w.Version == 1, CreatedAt: w.CreatedAt, UpdatedAt: w.UpdatedAt,
		})
	}
	return projects
}

func recordedFolders(t *testing.T, p *devserver.Project, all exchanges) {
	for number, parent := range map[string]string{"112": "/", "113": "/backend/"} {
		var body struct {
			Folders []struct {
				ID, Name  string
				CreatedAt time.Time
			}
		}
		all.decode(t, number, &body)
		for _, f := range body.Folders {
			p.FolderWith(devserver.Folder{ID: f.ID, Environment: "dev", Path: parent + f.Name, CreatedAt: f.CreatedAt})
		}
	}
}

func recordedSecrets(t *testing.T, p, other *devserver.Project, all exchanges) {
	var list struct {
		Secrets []recordedSecret
		Imports []struct {
			Path        string `json:"secretPath"`
			Environment string
			Secrets     []recordedSecret
		}
	}
	for _, number := range []string{"047", "082", "097"} { // dev recursive, with the user's personal value, bulk
		list.Secrets = nil
		all.decode(t, number, &list)
		for _, r := range list.Secrets {
			p.Put(r.secret(r.Environment, r.Path))
		}
	}
	for _, number := range []string{"090", "091", "093"} {
		list.Secrets = nil
		all.decode(t, number, &list)
		for _, r := range list.Secrets {
			other.Put(r.secret(r.Environment, r.Path))
		}
	}
	list.Secrets, list.Imports = nil, nil
	all.decode(t, "052", &list)
	shown := recordedSecret{} // SHARED_PROD has its dates in 104
	var single struct{ Secret recordedSecret }
	all.decode(t, "104", &single)
	shown = single.Secret
	for _, imp := range list.Imports {
		if imp.Environment == "dev" {
			continue // its secrets came with 047
		}
		for _, r := range imp.Secrets {
			switch r.Key {
			case shown.Key:
				r = shown
			case "IMPORTED_REF": // imports are expanded always, so its raw value is never seen
				r.Value = strings.Replace(r.Value, "from-prod-shared", "${SHARED_PROD}", 1)
			}
			p.Put(r.secret(imp.Environment, imp.Path))
		}
	}
	// Seen only through references to them.
	p.Set("prod", "/", "PLAIN", "prod-plain")
	p.Set("staging", "/backend", "API_KEY", "staging-backend-api-key")
}

func recordedImports(t *testing.T, p *devserver.Project, all exchanges) {
	var body struct {
		Imports []struct {
			ID        string
			Path      string `json:"importPath"`
			CreatedAt time.Time
			Env       devserver.Environment `json:"importEnv"`
		} `json:"secretImports"`
	}
	all.decode(t, "116", &body)
	for _, imp := range body.Imports {
		p.AddImport(devserver.Import{ID: imp.ID, Environment: "dev", Path: "/", FromEnvironment: imp.Env.Slug, FromPath: imp.Path, CreatedAt: imp.CreatedAt})
	}
	p.AddImport(devserver.Import{Environment: "dev", Path: "/backend", FromEnvironment: "prod", FromPath: "/backend/db", CreatedAt: at(t, "2026-11-23T02:19:21.380Z")})
}

func recordedActors(t *testing.T, s *devserver.Server) {
	for _, r := range recordedIdentities {
		id := devserver.Identity{
			ID: r.id, ClientID: r.clientID, ClientSecret: r.secret, ClientSecretID: r.secretID, Uses: r.uses,
			TTL: time.Duration(r.ttl) * time.Second, MaxTTL: time.Duration(r.maxTTL) * time.Second,
		}
		switch r.role {
		case "":
			id.Roles = map[string]devserver.Role{}
		default:
			id.Roles = map[string]devserver.Role{mainProject: r.role, otherProject: r.role, v1Project: r.role}
		}
		s.AddIdentity(id)
	}
	s.AddClientSecret(devserver.ClientSecret{
		ID: "0bdfcfed-d8cf-400e-b848-883a59f6a504", IdentityID: "89b6781f-37ca-45f5-ac02-155f2e5ee950",
		Secret: "11358248437ced74292535665639201e37a5777dace0193a87958334ed56235e", Uses: 1,
	})
	for _, token := range []devserver.ServiceToken{
		{ID: "4153eb9d-6fc1-4f91-8141-d8b47f495269", Secret: "26cb250ffce67bdb5b55d4de1295cf74", Name: "dev-all", Scopes: []devserver.ServiceTokenScope{{Path: "/**", Environment: "dev"}}, CreatedAt: at(t, "2026-11-23T02:19:23.251Z")},
		{ID: "9426c87f-ba0c-4115-8931-b67709db46f2", Secret: "8107220e2ff7992f6531ec4ae42a89ab", Scopes: []devserver.ServiceTokenScope{{Path: "/", Environment: "dev"}}},
		{ID: "29cb061e-83d7-4d81-9875-15731b74688c", Secret: "171d9a4c2353ceb2c4344eafc5f3d038", Scopes: []devserver.ServiceTokenScope{{Path: "/**", Environment: "dev"}}, ExpiresAt: at(t, "2026-11-23T02:19:24.500Z")},
	} {
		token.ProjectID, token.CreatedBy = mainProject, userID
		s.AddServiceToken(token)
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func (all exchanges) decode(t *testing.T, number string, out any) {
	t.Helper()
	i := slices.IndexFunc(all, func(e exchange) bool { return e.number == number })
	if i < 0 {
		t.Fatalf("no exchange %s", number)
	}
	if err := json.Unmarshal([]byte(all[i].Response.Body), out); err != nil {
		t.Fatal(err)
	}
}
