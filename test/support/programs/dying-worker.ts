// Takes a sandbox through its life and is killed after one step of it.
// Arguments: folder, path of the cgroups, step, and for networks: the router's namespace, id of the node.
import { setTimeout as delay } from 'node:timers/promises';
import { someEgress } from '../routed-network.ts';
import { die, killedAfter, type KillingStep } from '../killing-steps.ts';
import { openRuntimeCore } from '../runtime-core.ts';

const [dir = '', cgroupsPath = '', step = '', router, nodeId = ''] = process.argv.slice(2);
const never = new AbortController().signal;
const { maker, order } = await openRuntimeCore(dir, cgroupsPath, {
  ...killedAfter(step as KillingStep),
  ...(router === undefined ? {} : { router: { router, nodeId } }),
});
const onDisk = order.mounts.filter(({ destination }) => destination !== '/tmp');
const scratchDiskBytes = 16 * 1024 * 1024;
const sandbox = await maker.make({ ...order, mounts: onDisk, scratchDiskBytes }, never);
const isUp = () => sandbox.inspect().stats.pids >= 4; // the OCI runtime, the shell, its children
while (!isUp()) await delay(5);
if (step === 'run') die();
if (router !== undefined) await sandbox.connect(someEgress(), 'killed');
if (step === 'connect') die();
sandbox.freeze();
await sandbox.destroy('shutdown');
process.exit(1); // not reached: the step was to come before
