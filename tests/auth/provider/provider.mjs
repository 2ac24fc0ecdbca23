// Starts npm's oidc-provider on a free port of 127.0.0.1. Prints {"issuer"} and then one line per answer of the token endpoint.
// Who somebody is does not matter here: its development pages let anybody in.
// Arguments: the folder of the package oidc-provider, and a file with the public keys of a service that signs assertions.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [folder, keys] = process.argv.slice(2);
const { default: Provider } = await import(pathToFileURL(`${folder}/lib/index.js`));
const jwks = JSON.parse(readFileSync(keys, 'utf8'));

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';
const service = (client_id, more = {}) => ({
  client_id, client_secret: 's3cret/+:%&=', grant_types: ['client_credentials'], response_types: [], redirect_uris: [], scope: 'all', ...more,
});
const person = (client_id) => ({
  client_id, token_endpoint_auth_method: 'none', application_type: 'native', redirect_uris: ['http://127.0.0.1/callback'],
  response_types: ['code'], grant_types: ['authorization_code', 'refresh_token', DEVICE], scope: 'openid offline_access all',
});
const seconds = (_ctx, _token, client) => (client.clientId.startsWith('short') ? 3 : 3600);
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const server = createServer().listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      service('service'), service('short-service'),
      service('pod', { token_endpoint_auth_method: 'private_key_jwt', client_secret: undefined, jwks }),
      service('flyteadmin'), person('flytectl'), person('short-flytectl'),
    ],
    scopes: ['openid', 'offline_access', 'all'],
    features: { clientCredentials: { enabled: true }, deviceFlow: { enabled: true }, introspection: { enabled: true }, revocation: { enabled: true } },
    ttl: { AccessToken: seconds, ClientCredentials: seconds, DeviceCode: 600, RefreshToken: 3600, Session: 3600, Grant: 3600, Interaction: 600 },
    issueRefreshToken: () => true,
    rotateRefreshToken: true,
  });
  const slowed = new Set();
  provider.use(async (ctx, next) => {
    if (ctx.query.slow_down && !slowed.has(ctx.query.slow_down)) { // oidc-provider itself never says this (RFC 8628, 3.5)
      slowed.add(ctx.query.slow_down);
      ctx.status = 400;
      ctx.body = { error: 'slow_down' };
    } else if (ctx.query.form_only && ctx.headers.authorization) { // providers that take no Basic exist; this one takes both
      ctx.status = 401;
      ctx.body = { error: 'invalid_client' };
    } else await next();
    if (ctx.path !== '/token') return;
    const { grant_type, scope, audience, client_id } = ctx.oidc?.body ?? {};
    const method = ctx.headers.authorization ? 'basic' : 'form';
    say({ grant_type, scope, audience, client_id, method, status: ctx.status, error: ctx.body?.error, proxy: ctx.headers['proxy-authorization'] });
  });
  server.on('request', provider.callback());
  say({ issuer });
});
process.stdin.resume().on('end', () => process.exit());
