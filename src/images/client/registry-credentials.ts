import { readFile } from 'node:fs/promises';
import { HostError } from '../../domain/errors.ts';
import { exec } from '../../lib/exec.ts';

export interface RegistryCredentials {
  readonly user: string;
  readonly secret: string;
}

/** Where credentials come from; `undefined` for a registry that has none. */
export type CredentialSource = (registry: string) => Promise<RegistryCredentials | undefined>;

/** The part of Docker's config.json, and of other tools' auth.json, that is read. */
interface DockerConfig {
  readonly auths?: Readonly<
    Record<
      string,
      { readonly auth?: string; readonly username?: string; readonly password?: string }
    >
  >;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

/**
 * What `docker login`, `skopeo login` and the like have stored, read again for every use: a token
 * may have been renewed. Credentials are found by the registry's whole name, port included.
 */
export function dockerCredentials(file: string): CredentialSource {
  return async (registry) => {
    const { auths = {}, credHelpers, credsStore } = await readConfig(file);
    const helper = credHelpers?.[registry] ?? credsStore;
    if (helper !== undefined) return await fromHelper(helper, registry);
    const found = Object.entries(auths).find(([name]) => hostOf(name) === hostOf(registry));
    if (!found) return undefined;
    const { auth = '', username, password } = found[1];
    if (username !== undefined && password !== undefined) {
      return { user: username, secret: password };
    }
    const text = Buffer.from(auth, 'base64').toString();
    const colon = text.indexOf(':');
    return colon < 0 ? undefined : { user: text.slice(0, colon), secret: text.slice(colon + 1) };
  };
}

/** `https://index.docker.io/v1/` is how Docker writes docker.io. */
function hostOf(name: string): string {
  const host =
    name
      .replace(/^https?:\/\//, '')
      .split('/', 1)[0]
      ?.toLowerCase() ?? '';
  return ['index.docker.io', 'registry-1.docker.io'].includes(host) ? 'docker.io' : host;
}

async function readConfig(file: string): Promise<DockerConfig> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as DockerConfig;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw new HostError(
      'unavailable',
      'image.bad_credentials',
      `${file} cannot be read as Docker's config.json.`,
      { cause },
    );
  }
}

/** A program of Docker's that keeps credentials somewhere else, such as a cloud's. */
async function fromHelper(
  helper: string,
  registry: string,
): Promise<RegistryCredentials | undefined> {
  if (!/^[a-z0-9-]+$/.test(helper)) return undefined;
  try {
    const { stdout } = await exec(`docker-credential-${helper}`, ['get'], { input: registry });
    const { Username, Secret } = JSON.parse(stdout) as { Username: string; Secret: string };
    return { user: Username, secret: Secret };
  } catch (error) {
    if (String(error).includes('credentials not found')) return undefined;
    throw error;
  }
}
