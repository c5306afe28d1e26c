import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { Type, type Static } from 'typebox';
import { runtimes, type Runtime } from '../domain/function.ts';
import { parseImageReference } from '../domain/image-reference.ts';
import { givenVariables } from './given-variables.ts';
import { jsonObject } from './json-object.ts';

/** Variables about image registries. */
export const registryVariables = {
  HEARTH_REGISTRY: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)+$',
      description:
        'A repository of another registry that versions are pushed to and nodes pull from, registry.example.com/team/functions.',
    }),
  ),
  HEARTH_REGISTRY_AUTH: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'Credentials for image registries, as "docker login" stores them; ~/.docker/config.json by default.',
    }),
  ),
  HEARTH_PLAIN_REGISTRIES: Type.String({
    default: '',
    pattern: '^([A-Za-z0-9.:\\[\\]-]+(,|$))*$',
    description: 'Image registries that are spoken to without TLS, host:port,host:port.',
  }),
  HEARTH_REGISTRY_MIRRORS: Type.String({
    default: '{}',
    description:
      'Registries that are asked before others, in order: {"docker.io": ["mirror.example.com/hub"]}.',
  }),
  HEARTH_BASE_IMAGES: Type.String({
    default: '{}',
    description:
      'Images that runtimes are taken from instead of this machine\'s programs: {"node24": "docker.io/library/node:24-slim"}.',
  }),
  HEARTH_IMAGE_KEYS: Type.String({
    default: '{}',
    description:
      'Whose signature images need: {"registry.example.com/team/*": ["/etc/hearth/team.pub"]}.',
  }),
};

const schema = Type.Object(registryVariables);

export interface RegistryConfig {
  /** Docker's config.json. */
  readonly credentialsFile: string;
  /** Spoken to without TLS; loopback always is. */
  readonly plainHosts: readonly string[];
  /** Versions are pushed to it and nodes pull from it; undefined: the gateway is the registry. */
  readonly repository: string | undefined;
  /** By the registry that they stand for: `host[:port]`, with a prefix of repositories behind it. */
  readonly mirrors: Readonly<Record<string, readonly string[]>>;
  /** Images that base images are made on, by their runtimes. */
  readonly baseReferences: Readonly<Partial<Record<Runtime, string>>>;
  /** The first pattern that fits an image's name says which public keys, files in PEM, may have signed it. */
  readonly signatureRules: readonly SignatureRuleConfig[];
  /** As they were given, for a process of the same host. */
  readonly variables: Readonly<Record<string, string>>;
}

interface SignatureRuleConfig {
  readonly pattern: string;
  readonly keyFiles: readonly string[];
}

const mirror = /^[A-Za-z0-9.-]+(:[0-9]{1,5})?(\/[a-z0-9][a-z0-9._/-]*)?$/;

/** Adds to the problems what is wrong. */
export function readRegistrySettings(
  environment: Static<typeof schema>,
  problems: string[],
): RegistryConfig {
  const mirrors = lists(environment.HEARTH_REGISTRY_MIRRORS, (text) => mirror.test(text));
  if (!mirrors) {
    problems.push('HEARTH_REGISTRY_MIRRORS: must be like {"docker.io": ["mirror.example.com"]}');
  }
  const keys = lists(environment.HEARTH_IMAGE_KEYS, (text) => text.startsWith('/'));
  if (!keys) problems.push('HEARTH_IMAGE_KEYS: must be like {"team/*": ["/path/of/key.pub"]}');
  const bases = jsonObject<string>(environment.HEARTH_BASE_IMAGES, isBaseImage);
  if (!bases) {
    problems.push('HEARTH_BASE_IMAGES: must be like {"node24": "registry.example.com/node:24"}');
  }
  return {
    credentialsFile: resolve(
      environment.HEARTH_REGISTRY_AUTH ?? join(homedir(), '.docker', 'config.json'),
    ),
    plainHosts: environment.HEARTH_PLAIN_REGISTRIES.split(',').filter((host) => host !== ''),
    repository: environment.HEARTH_REGISTRY,
    mirrors: mirrors ?? {},
    baseReferences: bases ?? {},
    signatureRules: Object.entries(keys ?? {}).map(([pattern, keyFiles]) => ({
      pattern,
      keyFiles,
    })),
    variables: givenVariables(environment, registryVariables),
  };
}

function isBaseImage([runtime, reference]: readonly [string, unknown]): boolean {
  if (!runtimes.includes(runtime as Runtime) || typeof reference !== 'string') return false;
  try {
    parseImageReference(reference);
    return true;
  } catch {
    return false;
  }
}

/** Lists of texts by a name; undefined when it is not that. */
function lists(json: string, isItem: (text: string) => boolean) {
  const isList = (list: unknown): boolean =>
    Array.isArray(list) && list.every((item) => typeof item === 'string' && isItem(item));
  return jsonObject<readonly string[]>(json, ([, list]) => isList(list));
}
