// Drives the server named by SITE_URL with the official SDK and prints what it saw as one JSON object.
// Run by a Go test, which puts the arguments in the environment.
import { InfisicalSDK } from "@infisical/sdk";

const { SITE_URL: siteUrl, CLIENT_ID: clientId, CLIENT_SECRET: clientSecret, PROJECT_ID: projectId, LATER_CLIENT_ID: laterId } = process.env;
const seen = {};
const scope = { projectId, environment: "dev", secretPath: "/" };

async function failure(promise) {
  try {
    await promise;
    return "no error";
  } catch (error) {
    return `${error.name}: ${error.message}`;
  }
}

const plain = ({ secretKey, secretValue, secretPath, type }) => ({ secretKey, secretValue, secretPath, type });

const client = new InfisicalSDK({ siteUrl });
await client.auth().universalAuth.login({ clientId, clientSecret });
const list = await client.secrets().listSecrets({ ...scope, recursive: true, includeImports: true, expandSecretReferences: true, viewSecretValue: true });
seen.secrets = list.secrets.map(plain);
seen.imports = (list.imports ?? []).map(({ secretPath, environment, secrets }) => ({ secretPath, environment, keys: secrets.map((s) => s.secretKey) }));
const merged = await client.secrets().listSecretsWithImports({ ...scope, expandSecretReferences: true, viewSecretValue: true });
seen.merged = merged.map(plain);
seen.one = plain(await client.secrets().getSecret({ ...scope, secretName: "URL", expandSecretReferences: true, viewSecretValue: true }));

await client.secrets().createSecret("FROM_SDK", { ...scope, secretValue: "made" });
await client.secrets().updateSecret("FROM_SDK", { ...scope, secretValue: "changed" });
seen.written = (await client.secrets().getSecret({ ...scope, secretName: "FROM_SDK" })).secretValue;
await client.secrets().deleteSecret("FROM_SDK", scope);
seen.deleted = await failure(client.secrets().getSecret({ ...scope, secretName: "FROM_SDK" }));

const folders = await client.folders().listFolders({ projectId, environment: "dev", path: "/" }).catch((e) => e.message);
seen.folders = Array.isArray(folders) ? folders.map((f) => f.name) : folders;

await client.auth().universalAuth.renew();
seen.renewed = (await client.secrets().listSecrets(scope)).secrets.length;

seen.wrongSecret = await failure(new InfisicalSDK({ siteUrl }).auth().universalAuth.login({ clientId: laterId, clientSecret: "wrong" }));
seen.wrongProject = await failure(client.secrets().listSecrets({ ...scope, projectId: "00000000-0000-4000-8000-000000000000" }));
seen.noToken = await failure(new InfisicalSDK({ siteUrl }).secrets().listSecrets(scope));
console.log(JSON.stringify(seen));
