/**
 * The records of a PAX header, in their order: `"<length> <key>=<value>\n"`, where the length counts
 * the whole record in decimal. A value is any bytes. Source: POSIX, pax, "pax Header Block".
 * @throws Error for bytes that are no records.
 */
export function* paxRecords(
  header: Buffer,
): Generator<readonly [key: string, value: Buffer], void, undefined> {
  for (let at = 0; at < header.length;) {
    const space = header.indexOf(' ', at);
    const digits = header.toString('latin1', at, space);
    const end = at + Number(digits);
    const equals = header.indexOf('=', space);
    const isWhole = /^\d+$/.test(digits) && end <= header.length && header[end - 1] === newline;
    if (space < 0 || !isWhole || equals < space || equals >= end) {
      throw new Error('a PAX header is broken');
    }
    yield [header.toString('utf8', space + 1, equals), header.subarray(equals + 1, end - 1)];
    at = end;
  }
}

const newline = 0x0a;
