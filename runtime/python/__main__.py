"""Run by `python3 -I /usr/lib/hearth`; descriptor 3 is the host."""

from hearth_runtime.bootstrap import main

main()
