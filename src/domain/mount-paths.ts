/** What the sandbox itself needs: nothing is mounted on it, in it or above it. */
const systemPaths = [
  '/proc', '/dev', '/sys', '/tmp', '/run', '/boot',
  '/etc', '/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32',
  '/var/task', '/var/run', '/var/lock', '/opt/hearth',
]; // prettier-ignore

/** Longer ones do not fit beside others into one mount's options. */
const pathLimitBytes = 255;

/**
 * All that is wrong with a set of paths on which volumes shall be mounted: each must be absolute,
 * written the one normal way, away from the system's own paths and from the others.
 */
export function mountPathProblems(paths: readonly string[]): string[] {
  const problems = paths.flatMap((path) => pathProblem(path) ?? []);
  for (const [index, path] of paths.entries()) {
    const other = paths.slice(0, index).find((earlier) => overlap(earlier, path));
    if (other === path) problems.push(`${show(path)} is there twice`);
    else if (other !== undefined) problems.push(`${show(path)} and ${show(other)} overlap`);
  }
  return problems;
}

function pathProblem(path: string): string | undefined {
  const shown = show(path);
  if (!path.startsWith('/')) return `${shown} is not an absolute path`;
  if (Buffer.byteLength(path) > pathLimitBytes) return `${shown} is longer than 255 bytes`;
  if (!/^(\/[A-Za-z0-9._@+-]+)+$/.test(path) || /\/\.\.?(\/|$)/.test(path)) {
    return `${shown} must be like /data/cache: no "..", ".", "//" or "/" at the end, and of letters, digits and "._@+-"`;
  }
  const shadowed = systemPaths.find((system) => overlap(system, path));
  return shadowed === undefined ? undefined : `${shown} would hide ${shadowed} or lie in it`;
}

/** Is one the other, or in it? */
function overlap(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

const show = (path: string): string => JSON.stringify(path.slice(0, pathLimitBytes));
