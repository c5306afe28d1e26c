import { readFileSync } from 'node:fs';
import { SourceMap } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** The last of them counts; a map may stand in the comment itself. */
const mapComments = /^\/\/[#@] sourceMappingURL=(\S+)$/gm;

/**
 * The address of a module, and its map, or undefined where it has none.
 * @type {Map<string, { url: string, map: SourceMap } | undefined>}
 */
const maps = new Map();

/** @typedef {{ prepareStackTrace?: (error: Error, sites: NodeJS.CallSite[]) => string }} Formatter */

/**
 * Has stacks of errors name the lines of the sources. Node does it too, but reads the whole map of each
 * module that it loads; here it is read when a stack is first looked at.
 */
export function mapStackTraces() {
  const { prepareStackTrace: format = String } = /** @type {Formatter} */ (Error);
  Error.prepareStackTrace = (error, sites) => {
    const stack = format(error, sites);
    try {
      return sites.reduce(nameSource, stack);
    } catch {
      return stack; // a map that is none
    }
  };
}

/**
 * @param {string} stack
 * @param {NodeJS.CallSite} site
 */
function nameSource(stack, site) {
  const file = site.getFileName();
  const [line, column] = [site.getLineNumber(), site.getColumnNumber()];
  if (!file || !line || !column || file.startsWith('node:')) return stack;
  const found = findMap(file);
  const origin = found?.map.findOrigin(line, column);
  if (!found || !origin || !('fileName' in origin)) return stack;
  const source = fileURLToPath(new URL(origin.fileName, found.url));
  const place = `${source}:${origin.lineNumber}:${origin.columnNumber}`;
  return stack.replace(`${file}:${line}:${column}`, () => place);
}

/** @param {string} file as V8 names it: the URL of a module, the path of a CommonJS one */
function findMap(file) {
  if (!maps.has(file)) maps.set(file, undefined); // also where reading it fails
  else return maps.get(file);
  const url = file.startsWith('file:') ? file : pathToFileURL(file).href;
  const [, address] = [...readFileSync(new URL(url), 'utf8').matchAll(mapComments)].at(-1) ?? [];
  if (address === undefined) return undefined;
  const map = new SourceMap(JSON.parse(readText(new URL(address, url))));
  maps.set(file, { url, map });
  return maps.get(file);
}

/** @param {URL} url */
function readText(url) {
  if (url.protocol === 'file:') return readFileSync(url, 'utf8');
  const [kind = '', data = ''] = url.href.split(/,(.*)/s);
  return kind.endsWith(';base64')
    ? Buffer.from(data, 'base64').toString()
    : decodeURIComponent(data);
}
