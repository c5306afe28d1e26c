/** A function as AWS's clients name it. */
export interface LambdaFunctionName {
  readonly name: string;
  /** A version's number or an alias; absent, also for `$LATEST`: what serves. */
  readonly qualifier?: string;
}

const pattern = /^(?:(?:arn:[^:/]+:lambda:[^:/]*:)?(?:\d{12}:)?function:)?([^:/]+)(?::([^:/]+))?$/;

/**
 * `name`, `function:name`, `account:function:name` or a whole ARN, each with or without
 * `:qualifier`; partition, region and account are not looked at. What is none of these is taken for
 * a name that no function has. `given` is the qualifier that was asked for apart from it.
 */
export function parseLambdaName(text: string, given?: string | null): LambdaFunctionName {
  const [, name = text, named] = pattern.exec(text) ?? [];
  const qualifier = given ?? named;
  return qualifier === undefined || qualifier === '$LATEST' ? { name } : { name, qualifier };
}
