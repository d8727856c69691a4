/* SPDX-License-Identifier: GPL-2.0 */
/*
 * micro_stages.h - the probes of micro_stages.bpf.c, in the order in which a fault meets them.
 */
#ifndef DMEM_MICRO_STAGES_H
#define DMEM_MICRO_STAGES_H

enum micro_probe {
	PROBE_FAULT,	/* dmem_fault() */
	PROBE_TAKE,	/* dmem_page_take() */
	PROBE_BEGIN,	/* dmem_page_set(): the page is on its way */
	PROBE_ORDER,	/* dmem_fetch_order() */
	PROBE_FETCH,	/* dmem_fetch_page() */
	PROBE_READ,	/* dmem_local_read_now() */
	PROBE_SETTLE,	/* dmem_page_set(): the page is here */
	PROBE_FINISH,	/* finish_fault(), once dmem_fault() has returned */
	NR_PROBES
};

#endif /* DMEM_MICRO_STAGES_H */
