import { pack, type Pack } from 'tar-stream';
import { describe, expect, it } from 'vitest';
import { readPackageConfig } from '../../../src/gateway/package-config.ts';

async function tarOf(
  ...entries: readonly (readonly [Parameters<Pack['entry']>[0], string])[]
): Promise<Buffer> {
  const tar = pack();
  for (const [header, content] of entries) tar.entry(header, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('readPackageConfig', () => {
  it.each(['hearth.json', './hearth.json'])('finds %s among other files', async (name) => {
    const tar = await tarOf([{ name: 'a.ts' }, 'x'.repeat(5_000)], [{ name }, '{"name":"é"}']);
    expect(await readPackageConfig(tar)).toBe('{"name":"é"}');
  });

  it.each([
    ['a link of that name', { name: 'hearth.json', type: 'symlink', linkname: '/etc/passwd' }],
    ['one in a folder', { name: 'sub/hearth.json' }],
  ] as const)('does not take %s for it', async (_what, header) => {
    const config = readPackageConfig(await tarOf([header, '']));
    await expect(config).rejects.toMatchObject({ reason: 'package.no_config' });
  });

  it('refuses one that is too large to be one', async () => {
    const config = readPackageConfig(await tarOf([{ name: 'hearth.json' }, ' '.repeat(70_000)]));
    await expect(config).rejects.toMatchObject({ code: 'too_large' });
  });

  it.each([
    ['an empty body', Buffer.alloc(0), 'package.no_config'],
    ['text', Buffer.from('no tar, '.repeat(200)), 'package.not_a_tar'],
  ])('says what is wrong with %s', async (_what, bytes, reason) => {
    await expect(readPackageConfig(bytes)).rejects.toMatchObject({ reason });
  });

  it('refuses a tar that is cut off', async () => {
    const tar = await tarOf([{ name: 'hearth.json' }, 'x'.repeat(5_000)]);
    const config = readPackageConfig(tar.subarray(0, 2_000));
    await expect(config).rejects.toMatchObject({ reason: 'package.not_a_tar' });
  });
});
