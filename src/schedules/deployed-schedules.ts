import { liveVersion, type FunctionRecord, type FunctionSpec } from '../domain/function.ts';
import type { CronTrigger } from '../domain/schedule.ts';

export interface DeployedSchedule {
  /** `<function>/<name>` */
  readonly key: string;
  readonly spec: FunctionSpec;
  readonly trigger: CronTrigger;
}

export const scheduleKey = (functionName: string, name: string): string =>
  `${functionName}/${name}`;

/** The schedules of all live versions. */
export function deployedSchedules(
  functions: readonly FunctionRecord[],
): readonly DeployedSchedule[] {
  return functions.flatMap((record) => {
    const { spec } = liveVersion(record);
    const { cron = [] } = spec;
    return cron.map((trigger) => ({ key: scheduleKey(spec.name, trigger.name), spec, trigger }));
  });
}
