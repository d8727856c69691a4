# SPDX-License-Identifier: GPL-2.0
# Sourced: where dmem keeps what is large and can be made again (debug kernel, QEMU).
DMEM_CACHE=${DMEM_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dmem}
export DMEM_CACHE
