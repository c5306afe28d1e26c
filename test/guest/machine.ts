import { existsSync, readdirSync } from 'node:fs';

const qemu = '/usr/bin/qemu-system-x86_64';
const virtiofsd = '/usr/lib/qemu/virtiofsd';
const mkinitramfs = '/usr/sbin/mkinitramfs';

/** What a guest is made of. */
export interface GuestParts {
  readonly qemu: string;
  /** Shows the guest this machine's files. */
  readonly virtiofsd: string;
  readonly mkinitramfs: string;
  /** Its version; image and modules are where Debian puts them. */
  readonly kernel: string;
}

const remedy =
  'apt-get install --no-install-recommends qemu-system-x86 qemu-system-common linux-image-cloud-amd64';

/** The parts on this machine, or why there can be no guest. */
export function findGuestParts(): GuestParts | string {
  if (process.arch !== 'x64') return 'the guest is one for x86-64 machines';
  const missing = [qemu, virtiofsd, mkinitramfs].filter((program) => !existsSync(program));
  const kernel = cloudKernels().at(-1);
  if (missing.length === 0 && kernel) return { qemu, virtiofsd, mkinitramfs, kernel };
  const what = [...missing, ...(kernel ? [] : ['a kernel in /boot/vmlinuz-*-cloud-amd64'])];
  return `missing here: ${what.join(', ')}; run ${remedy}`;
}

function cloudKernels(): readonly string[] {
  const versions = readdirSync('/boot').flatMap((file) => {
    const [, version] = /^vmlinuz-(.+-cloud-amd64)$/.exec(file) ?? [];
    return version !== undefined && existsSync(`/lib/modules/${version}`) ? [version] : [];
  });
  return versions.toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}
