import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { OciEngine } from '../../src/containers/oci-engine.ts';
import { openOciRuntime } from '../../src/containers/oci-runtime.ts';
import type { ContainerEngine, ContainerOrder } from '../../src/domain/container-engine.ts';
import { CgroupTree, NetworkNamespaces, readCgroupLayout } from '../../src/linux/index.ts';
import type { CgroupLayout } from '../../src/linux/cgroup-layout.ts';
import { IdRanges } from '../../src/security/id-ranges.ts';
import { strictProfile } from '../../src/security/strict-profile.ts';
import { mountPlan } from '../../src/volumes/mount-plan.ts';
import { makeSmallRoot } from './small-root.ts';

/** A real engine with a cgroup tree, a network namespace and a root of its own. */
export interface TestEngine {
  readonly engine: ContainerEngine;
  /** Another engine on the same cgroups, as after the death of the first. */
  again(): ContainerEngine;
  /** All that a container is made of but its id and its limits; `script` is for a shell. */
  order(script: string): Omit<ContainerOrder, 'id' | 'limits'>;
  close(): Promise<void>;
}

export async function openTestEngine(program: string): Promise<TestEngine> {
  await using undo = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'hearth-engine-'));
  undo.defer(() => rm(dir, { recursive: true, force: true }));
  const root = await makeSmallRoot();
  undo.defer(() => root.remove());
  const namespaces = new NetworkNamespaces();
  await namespaces.start();
  undo.defer(() => namespaces.stop());
  const networkNamespacePath = join(dir, 'netns');
  await namespaces.create(networkNamespacePath);
  undo.defer(() => namespaces.remove(networkNamespacePath));
  const bundlesDir = join(dir, 'bundles');
  await mkdir(bundlesDir);
  const layout = readCgroupLayout();
  const runtime = await openOciRuntime(await asInWorker(program, layout, dir));
  const cgroupsPath = `/hearth-test/${randomUUID()}`;
  const cgroups = new CgroupTree(layout, cgroupsPath);
  undo.defer(() => cgroups.remove());
  const ids = undo.use(new IdRanges().lease());
  const open = () =>
    new OciEngine({ runtime, classes: new Map(), cgroups, cgroupsPath, bundlesDir });
  const resources = undo.move();
  return {
    engine: open(),
    again: open,
    order: (script) => ({
      rootDir: root.dir,
      args: ['/bin/sh', '-c', script],
      env: ['PATH=/usr/bin:/bin'],
      workingDir: '/',
      mounts: [...root.mounts, ...mountPlan(16 * 1024 * 1024)],
      profile: strictProfile(process.arch),
      ids,
      networkNamespacePath,
    }),
    close: () => resources.disposeAsync(),
  };
}

/** On a hybrid host a worker hides the v2 hierarchy; a test must not, so the runtime is told to. */
async function asInWorker(program: string, layout: CgroupLayout, dir: string): Promise<string> {
  if (layout.version === 2 || layout.unified === undefined) return program;
  const script = join(dir, program);
  const hidden = `umount -l ${layout.unified} && exec ${program} "$@"`;
  await writeFile(
    script,
    `#!/bin/sh\nexec unshare --mount -- sh -c '${hidden}' ${program} "$@"\n`,
    { mode: 0o755 },
  );
  return script;
}
