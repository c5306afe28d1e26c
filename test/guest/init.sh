#!/bin/sh
# The guest's first process: mounts what a machine has, runs the tests that are its arguments, says
# how they ended, and switches the guest off.
project=$(dirname "$(dirname "$(dirname "$(readlink -f "$0")")")")
cd "$project" || exit 1
export PATH="$project/node_modules/.bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export HOME=/root TMPDIR=/run/tmp LANG=C.UTF-8 NO_COLOR=1
export TEST_HAS_OWN_MOUNTS=1 # the whole machine is theirs

mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 1777 "$TMPDIR"
mkdir -p /dev/shm && mount -t tmpfs -o mode=1777 tmpfs /dev/shm
mount --make-rshared /
ip link set lo up
# Rules load their own modules, but so slowly here that loading the rules would take too long.
rules='nf_tables nft_ct nft_chain_nat nft_masq nft_reject_inet nft_limit'
for module in veth loop tun $rules; do modprobe "$module"; done
ulimit -n 20000

echo "guest: Linux $(uname -r), cgroup v2: $(cat /sys/fs/cgroup/cgroup.controllers)"
# Nothing here is fast: time limits are there to end what hangs, and gVisor, which takes its system calls
# with ptrace, is left out.
{
	vitest run --reporter verbose --reporter ./test/support/closing-line-reporter.ts \
		--testTimeout 600000 --hookTimeout 600000 --testNamePattern '^(?!runsc)' "$@" < /dev/null
	echo "guest: ended with $?"
} 2>&1 | cat
sync
echo o > /proc/sysrq-trigger
sleep 60
