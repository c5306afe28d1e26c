import { FakeEngine, type FakeProgram } from '../support/fake-engine.ts';
import { openTestEngine } from '../support/test-engine.ts';
import { containerEngineContract, type Program } from './container-engine.ts';

const scripts: Readonly<Record<Program, string>> = {
  sleep: 'sleep 600',
  'exit 3': 'exit 3',
  'say hello': 'echo hello',
  echo: 'cat <&$HEARTH_CHANNEL_FD >&$HEARTH_CHANNEL_FD',
  'eat memory': 'tail /dev/zero; exit 1',
};

for (const name of ['crun', 'runc', 'runsc'] as const) {
  containerEngineContract(name, async () => {
    const opened = await openTestEngine(name);
    return {
      engine: opened.engine,
      nextProcess: () => opened.again(),
      order: (program) => opened.order(scripts[program]),
      close: () => opened.close(),
    };
  });
}

const programs: Readonly<Record<Program, FakeProgram>> = {
  sleep: () => {},
  'exit 3': ({ end }) => end({ exitCode: 3 }),
  'say hello': ({ stdout, end }) => {
    stdout.write('hello\n');
    end({ exitCode: 0 });
  },
  echo: ({ channel }) => void channel.pipe(channel),
  'eat memory': ({ end }) => end('out of memory'),
};

containerEngineContract('the fake', async () => {
  const engine = new FakeEngine(programs);
  return {
    engine,
    nextProcess: () => engine.again(),
    order: (program) => ({
      rootDir: '/',
      args: [program],
      env: [],
      workingDir: '/',
      mounts: [],
      profile: {
        name: 'none',
        seccomp: { defaultAction: '', defaultErrnoRet: 0, architectures: [], syscalls: [] },
        maskedPaths: [],
        readonlyPaths: [],
        rlimits: [],
        pids: 1,
        uid: 1,
        gid: 1,
      },
      ids: { firstId: 1, count: 1 },
      networkNamespacePath: '',
    }),
    close: async () => {},
  };
});
