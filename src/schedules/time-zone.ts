/** Milliseconds that a zone's clocks are ahead of UTC at an instant. */
export type OffsetAt = (instantMs: number) => number;

const formats = new Map<string, Intl.DateTimeFormat>();

/** @throws RangeError for a zone that the time zone database does not have. */
export function offsetsOf(timeZone: string): OffsetAt {
  const format = formatOf(timeZone);
  return (instantMs) => {
    const part = format.formatToParts(instantMs).find(({ type }) => type === 'timeZoneName');
    const [, sign, hours = 0, minutes = 0, seconds = 0] =
      /GMT([+-])(\d+):(\d+)(?::(\d+))?/.exec(part?.value ?? '') ?? [];
    const ms = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
    return sign === '-' ? -ms : ms;
  };
}

/** There are some 600 zones, so there are at most so many formats. */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat('en', { timeZone, timeZoneName: 'longOffset' });
    formats.set(timeZone, format);
  }
  return format;
}
