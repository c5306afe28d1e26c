import { asyncSettingsOf } from '../domain/async-settings.ts';
import type { AsyncInvocation } from '../domain/event-queue.ts';
import type { FunctionSpec } from '../domain/function.ts';
import type { InvocationId } from '../domain/ids.ts';
import type { CronTrigger } from '../domain/schedule.ts';

/**
 * The invocation for one planned time. A Lambda-style handler gets an event like that of AWS
 * EventBridge; the header tells bootstraps that a `scheduled` handler is meant.
 */
export function cronInvocation(
  id: InvocationId,
  spec: FunctionSpec,
  trigger: CronTrigger,
  plannedMs: number,
): AsyncInvocation {
  const { name, schedule, timeZone } = trigger;
  const event = {
    version: '0',
    id,
    'detail-type': 'Scheduled Event',
    source: 'hearth.schedules',
    account: '000000000000',
    time: new Date(plannedMs).toISOString(),
    region: 'local',
    resources: [`schedule/${spec.name}/${name}`],
    detail: { name, cron: schedule, timeZone, scheduledTime: plannedMs },
  };
  return {
    id,
    functionName: spec.name,
    source: 'cron',
    head: {
      trigger: 'event',
      method: 'POST',
      url: '/',
      headers: [
        ['content-type', 'application/json'],
        ['x-hearth-schedule', name],
      ],
      sourceIp: '',
    },
    body: Buffer.from(JSON.stringify(event)),
    settings: asyncSettingsOf(spec),
  };
}
