"""Run by `python3 -I /usr/lib/hearth`; descriptor HEARTH_CHANNEL_FD is the host."""

from hearth_runtime.bootstrap import main

main()
