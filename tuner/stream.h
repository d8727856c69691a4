/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stream.h - what a recording says of each VM memory, whatever was fetched with it: which page was
 * wanted when, how long its guest would have taken without waiting, what the donors held.
 */
#ifndef DMEM_STREAM_H
#define DMEM_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#include "maps.h"
#include "trace.h"

#define STREAM_WORDS	(DMEM_MAP_REGION_PAGES / 64)

/**
 * struct stream_access - one access
 * @think_ns: time that the guest did not wait since the access before, up to this one
 * @region: index in struct stream.regions
 * @page: of the region
 * @is_zero: it found nothing: a first touch
 */
struct stream_access {
	uint64_t think_ns;
	uint32_t region;
	uint16_t page;
	uint8_t is_zero;
	uint8_t reserved;
};

/**
 * struct stream_region - one region, as it was before its first access
 * @number: which 2 MiB of the VM memory
 * @remote: a bit a page: a donor had it
 */
struct stream_region {
	uint32_t number;
	uint64_t remote[STREAM_WORDS];
};

/**
 * struct stream_figures - what came of the accesses, in the recording or in a replay
 * @fetches: blocks fetched: an access found nothing but a donor's page
 * @late: accesses that found their page on its way
 * @fetched_pages, @prefetched_pages: pages that came; those of them that no access asked for
 * @used_pages, @unused_pages: prefetched pages touched; evicted untouched
 * @evicted_pages: all that were evicted
 * @soft_faults, @zero_fills: accesses that found their page local; that found none
 * @hits: accesses of the recording that would not have been seen: the page was mapped
 * @adopted: first accesses to a page that was local when the recording began: they cost nothing
 * @stall_ns: time waited
 */
struct stream_figures {
	uint64_t fetches;
	uint64_t late;
	uint64_t fetched_pages;
	uint64_t prefetched_pages;
	uint64_t used_pages;
	uint64_t unused_pages;
	uint64_t evicted_pages;
	uint64_t soft_faults;
	uint64_t zero_fills;
	uint64_t hits;
	uint64_t adopted;
	uint64_t stall_ns;
};

/**
 * struct stream - one VM memory
 * @direct_limit_bytes: the largest that was in force
 * @order: the default block order at the end
 * @regions: by number
 * @footprint_pages: distinct pages accessed
 * @think_ns: sum over the accesses
 * @recorded: what the recording itself saw
 * @times: how long fetches took in it, in the fields that tune_link() reads
 */
struct stream {
	uint32_t vm;
	char name[DMEM_REC_NAME_LEN];
	uint64_t size_bytes;
	uint64_t direct_limit_bytes;
	uint32_t order;
	struct stream_access *accesses;
	size_t nr;
	struct stream_region *regions;
	size_t nr_regions;
	uint64_t footprint_pages;
	uint64_t think_ns;
	struct stream_figures recorded;
	struct dmem_vm_stats times;
};

/** struct streams - all of a recording; @nr_lost: events that it lacks */
struct streams {
	struct stream *vms;
	size_t nr;
	uint64_t nr_lost;
};

/**
 * streams_read - read all of a recording
 * @reader: open
 * @vm: only VM memories of this name; NULL: all
 *
 * Where it was cut off, what is before that counts. Return: 0 or a negative errno with a
 * sentence; nothing is to be freed then.
 */
int streams_read(struct trace_reader *reader, const char *vm, struct streams *streams,
		 struct dmem_error *error);
void streams_free(struct streams *streams);

#endif /* DMEM_STREAM_H */
