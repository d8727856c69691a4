// SPDX-License-Identifier: GPL-2.0
/*
 * page.c - the page word: the only place that writes one.
 *
 * Callers hold region->lock. The table is the one of docs/core.md.
 */
#include "core.h"

#define TO(state) BIT(DMEM_PAGE_##state)

static const u8 dmem_legal[DMEM_PAGE_STATES] = {
	[DMEM_PAGE_EMPTY] = TO(MAPPED),
	[DMEM_PAGE_FETCHING] = TO(UNMAPPED) | TO(MAPPED) | TO(REMOTE) | TO(FAILED),
	[DMEM_PAGE_MAPPED] = TO(UNMAPPED) | TO(EMPTY),
	[DMEM_PAGE_UNMAPPED] = TO(MAPPED) | TO(WRITEBACK) | TO(REMOTE) | TO(EMPTY),
	[DMEM_PAGE_WRITEBACK] = TO(REMOTE) | TO(MAPPED) | TO(UNMAPPED),
	[DMEM_PAGE_REMOTE] = TO(FETCHING) | TO(EMPTY),
	[DMEM_PAGE_FAILED] = TO(EMPTY),
};

#define DMEM_LOCAL_STATES	(TO(MAPPED) | TO(UNMAPPED) | TO(WRITEBACK))
/* A page on its way is remote until it has arrived. */
#define DMEM_REMOTE_STATES	(TO(REMOTE) | TO(FETCHING))

/* What a change of state adds to the number of pages whose state is one of @states. */
static int dmem_state_change(enum dmem_page_state from, enum dmem_page_state to, u8 states)
{
	return (int)(states >> to & 1) - (int)(states >> from & 1);
}

/**
 * dmem_page_set - change a page's word
 * @region: its region, locked
 * @index: page within the region
 * @word: the new word; same state with other flags is always legal
 *
 * Return: true when the region holds its first page now; the caller must then, with the
 * region unlocked, call dmem_region_activate().
 */
bool dmem_page_set(struct dmem_region *region, unsigned int index, u64 word)
{
	u64 old = region->words[index];
	enum dmem_page_state from = dmem_word_state(old), to = dmem_word_state(word);
	int held = !!(word >> DMEM_PAGE_PFN_SHIFT) - !!(old >> DMEM_PAGE_PFN_SHIFT);
	int local = dmem_state_change(from, to, DMEM_LOCAL_STATES);
	int remote = dmem_state_change(from, to, DMEM_REMOTE_STATES);

	lockdep_assert_held(&region->lock);
	WARN_ONCE(from != to && !(dmem_legal[from] & BIT(to)),
		  "dmem: %s: page %llu: illegal change %d to %d", region->vm->ident.name,
		  dmem_region_first_page(region) + index, from, to);

	WRITE_ONCE(region->words[index], word);
	region->ident.local_pages += local;
	region->ident.remote_pages += remote;
	region->ident.version += local || remote;
	region->nr_held += held;
	if (local)
		dmem_stat_add(region->vm, DMEM_STAT_LOCAL, local);
	if (remote)
		dmem_stat_add(region->vm, DMEM_STAT_REMOTE, remote);
	return held > 0 && region->nr_held == 1;
}
