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

/* Both are inlined: a fault changes its page's word twice. */
static __always_inline void dmem_word_change(struct dmem_region *region, unsigned int index,
					     u64 word, struct dmem_page_sums *sums)
{
	u64 old = region->words[index];
	enum dmem_page_state from = dmem_word_state(old), to = dmem_word_state(word);
	int local = dmem_state_change(from, to, DMEM_LOCAL_STATES);
	int remote = dmem_state_change(from, to, DMEM_REMOTE_STATES);

	lockdep_assert_held(&region->lock);
	WARN_ONCE(from != to && !(dmem_legal[from] & BIT(to)),
		  "dmem: %s: page %llu: illegal change %d to %d", region->vm->ident.name,
		  dmem_region_first_page(region) + index, from, to);

	WRITE_ONCE(region->words[index], word);
	sums->local += local;
	sums->remote += remote;
	sums->versions += local || remote;
	sums->held += !!(word >> DMEM_PAGE_PFN_SHIFT) - !!(old >> DMEM_PAGE_PFN_SHIFT);
}

static __always_inline bool dmem_words_settle(struct dmem_region *region,
					      const struct dmem_page_sums *sums)
{
	bool was_empty = !region->nr_held;

	region->ident.local_pages += sums->local;
	region->ident.remote_pages += sums->remote;
	region->ident.version += sums->versions;
	region->nr_held += sums->held;
	if (sums->local)
		dmem_stat_add(region->vm, DMEM_STAT_LOCAL, sums->local);
	if (sums->remote)
		dmem_stat_add(region->vm, DMEM_STAT_REMOTE, sums->remote);
	return was_empty && region->nr_held;
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
	struct dmem_page_sums sums = {};

	dmem_word_change(region, index, word, &sums);
	return dmem_words_settle(region, &sums);
}

/**
 * dmem_page_change - change the word of one page of several, as dmem_page_set()
 * @region: their region, locked until dmem_page_settle()
 * @index: page within the region
 * @word: the new word
 * @sums: what the changes add up to; zero before the first
 */
void dmem_page_change(struct dmem_region *region, unsigned int index, u64 word,
		      struct dmem_page_sums *sums)
{
	dmem_word_change(region, index, word, sums);
}

/* The counts that follow from changes of words; returns what dmem_page_set() does. */
bool dmem_page_settle(struct dmem_region *region, const struct dmem_page_sums *sums)
{
	return dmem_words_settle(region, sums);
}
