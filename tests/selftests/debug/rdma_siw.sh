#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A donor by iWARP: the same test as by soft-RoCE, with the siw driver, which only the debug kernel
# has. One SGE a READ, a connection that is TCP's, memory at no other address than its own.
DMEM_RDMA=siw exec out/tests/rdma_pool
