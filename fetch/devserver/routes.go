package devserver

// routes is the API, in the order of the paths. A route marked newer is not on
// a server of 2024.
var routes = []route{
	{pattern: "GET /api/status", handle: (*Server).status},

	{pattern: "POST /api/v1/auth/universal-auth/login", bucket: logins, handle: (*Server).universalAuthLogin},
	{pattern: "POST /api/v1/auth/{method}/login", bucket: logins, handle: (*Server).methodLogin},
	{pattern: "POST /api/v1/auth/token/renew", bucket: logins, handle: (*Server).renew},
	{pattern: "POST /api/v1/auth/token/revoke", bucket: logins, handle: (*Server).revoke},
	{pattern: "POST /api/v1/auth/checkAuth", bucket: reads, allowed: people, handle: (*Server).checkAuth},
	{pattern: "GET /api/v1/identities/details", bucket: reads, allowed: machines, handle: (*Server).identityDetails},
	{pattern: "GET /api/v2/service-token", bucket: reads, allowed: services, handle: (*Server).serviceToken},

	{pattern: "GET /api/v1/workspace", bucket: reads, allowed: members, handle: (*Server).listWorkspaces},
	{pattern: "GET /api/v1/workspace/{id}", bucket: reads, allowed: everyActor, handle: (*Server).getWorkspace},
	{pattern: "GET /api/v2/workspace/{slug}", bucket: reads, allowed: members, handle: (*Server).getProjectBySlug},
	{pattern: "GET /api/v1/projects", bucket: reads, allowed: members, newer: true, handle: (*Server).listProjects},
	{pattern: "GET /api/v1/projects/{id}", bucket: reads, allowed: everyActor, newer: true, handle: (*Server).getProject},
	{pattern: "GET /api/v1/projects/slug/{slug}", bucket: reads, allowed: members, newer: true, handle: (*Server).getProjectBySlug},

	{pattern: "GET /api/v1/folders", bucket: reads, allowed: everyActor, handle: (*Server).listFoldersV1},
	{pattern: "GET /api/v2/folders", bucket: reads, allowed: everyActor, newer: true, handle: (*Server).listFoldersV2},
	{pattern: "GET /api/v1/secret-imports", bucket: reads, allowed: everyActor, handle: (*Server).listImports},

	{pattern: "GET /api/v3/secrets", bucket: secrets, allowed: everyActor, handle: (*Server).listEncrypted},
	{pattern: "GET /api/v3/secrets/raw", bucket: secrets, allowed: everyActor, handle: (*Server).listV3},
	{pattern: "GET /api/v3/secrets/raw/{name}", bucket: secrets, allowed: everyActor, handle: (*Server).getV3},
	{pattern: "POST /api/v3/secrets/raw/{name}", bucket: secrets, allowed: everyActor, handle: (*Server).createSecret},
	{pattern: "PATCH /api/v3/secrets/raw/{name}", bucket: secrets, allowed: everyActor, handle: (*Server).updateSecret},
	{pattern: "DELETE /api/v3/secrets/raw/{name}", bucket: secrets, allowed: everyActor, handle: (*Server).deleteSecret},
	{pattern: "POST /api/v3/secrets/batch/raw", bucket: secrets, allowed: everyActor, handle: (*Server).createBatch},
	{pattern: "PATCH /api/v3/secrets/batch/raw", bucket: secrets, allowed: everyActor, handle: (*Server).updateBatch},
	{pattern: "DELETE /api/v3/secrets/batch/raw", bucket: secrets, allowed: everyActor, handle: (*Server).deleteBatch},

	{pattern: "GET /api/v4/secrets", bucket: secrets, allowed: everyActor, newer: true, handle: (*Server).listV4},
	{pattern: "GET /api/v4/secrets/{name}", bucket: secrets, allowed: everyActor, newer: true, handle: (*Server).getV4},
	{pattern: "POST /api/v4/secrets/{name}", bucket: secrets, allowed: everyActor, newer: true, handle: (*Server).createSecret},
	{pattern: "PATCH /api/v4/secrets/{name}", bucket: secrets, allowed: everyActor, newer: true, handle: (*Server).updateSecret},
	{pattern: "DELETE /api/v4/secrets/{name}", bucket: secrets, allowed: everyActor, newer: true, handle: (*Server).deleteSecret},
	{pattern: "POST /api/v4/secrets/batch", bucket: secrets, allowed: everyActor, newer: true, handle: (*Server).createBatch},
	{pattern: "PATCH /api/v4/secrets/batch", bucket: secrets, allowed: everyActor, newer: true, handle: (*Server).updateBatch},
	{pattern: "DELETE /api/v4/secrets/batch", bucket: secrets, allowed: everyActor, newer: true, handle: (*Server).deleteBatch},

	{pattern: "POST /api/v1/events/subscribe/project-events", bucket: reads, allowed: members, newer: true, handle: (*Server).subscribe},
}
