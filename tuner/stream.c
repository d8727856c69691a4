// SPDX-License-Identifier: GPL-2.0
/*
 * stream.c - from records to accesses.
 *
 * Waiting is taken out of the guest's time: from an access that had to wait until it came back, or
 * until the next access of the VM memory where that came first. What donors held at the beginning
 * is known from each page's first access.
 */
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* How a page was found by its first access. */
enum first {
	UNSEEN,
	WAS_EMPTY,
	WAS_REMOTE,
	WAS_LOCAL,
};

struct region {
	uint32_t number;
	uint16_t held;		/* pages with content before its first access */
	uint8_t first[DMEM_MAP_REGION_PAGES];
};

/* An access that waits, or a page that came before its access was told. */
struct wait {
	bool is_there;
	uint32_t region;
	uint16_t page;
	uint64_t start_ns;
	uint64_t end_ns;
};

/* A stream while records come. Regions are numbered as they come, and put in order at the end. */
struct builder {
	struct stream stream;
	size_t room;
	struct region **regions;
	size_t nr_regions;
	uint32_t *by_number;	/* 1 + the index in regions; 0: none */
	size_t nr_numbers;
	bool has_begun;
	uint64_t resumed_ns;	/* since when the guest has not waited */
	struct wait waits;
	struct wait came;	/* while its access looked on: told before it */
};

struct reading {
	struct builder *builders;
	size_t nr;
	size_t last;		/* most records are of the VM memory of the one before */
	const char *wanted;
	const struct trace_reader *reader;
	struct dmem_error *error;
};

static int no_memory(struct dmem_error *error)
{
	return dmem_fail(error, ENOMEM, "%s", strerror(ENOMEM));
}

static struct builder *find_builder(struct reading *reading, uint32_t vm)
{
	if (reading->last < reading->nr && reading->builders[reading->last].stream.vm == vm)
		return &reading->builders[reading->last];
	for (size_t i = 0; i < reading->nr; i++) {
		if (reading->builders[i].stream.vm != vm)
			continue;
		reading->last = i;
		return &reading->builders[i];
	}
	return NULL;
}

static int take_settings(struct reading *reading, const struct dmem_rec *rec,
			 const struct dmem_rec_vm *vm)
{
	struct builder *builder = find_builder(reading, rec->vm), *longer;
	struct stream *stream;

	if (!builder) {
		longer = reallocarray(reading->builders, reading->nr + 1, sizeof(*longer));
		if (!longer)
			return no_memory(reading->error);
		reading->builders = longer;
		builder = &longer[reading->nr++];
		memset(builder, 0, sizeof(*builder));
		builder->stream.vm = rec->vm;
	}
	stream = &builder->stream;
	memcpy(stream->name, vm->name, sizeof(stream->name));
	/* What is told at its end is what was, or nothing. */
	if (vm->gone)
		return 0;
	stream->order = vm->order < DMEM_MAP_ORDERS ? vm->order : 0;
	stream->size_bytes = vm->size_bytes;
	if (vm->direct_limit_bytes > stream->direct_limit_bytes)
		stream->direct_limit_bytes = vm->direct_limit_bytes;
	return 0;
}

/* The index of a region, made if need be; negative without memory for it. */
static long find_region(struct builder *builder, const struct dmem_rec *rec)
{
	struct region **longer, *region;

	if (rec->region >= builder->nr_numbers) {
		size_t nr = rec->region + rec->region / 2 + 64;
		uint32_t *numbers = reallocarray(builder->by_number, nr, sizeof(*numbers));

		if (!numbers)
			return -ENOMEM;
		memset(numbers + builder->nr_numbers, 0,
		       (nr - builder->nr_numbers) * sizeof(*numbers));
		builder->by_number = numbers;
		builder->nr_numbers = nr;
	}
	if (builder->by_number[rec->region])
		return builder->by_number[rec->region] - 1;
	region = calloc(1, sizeof(*region));
	longer = reallocarray(builder->regions, builder->nr_regions + 1, sizeof(*longer));
	if (longer)
		builder->regions = longer;
	if (!region || !longer) {
		free(region);
		return -ENOMEM;
	}
	region->number = rec->region;
	region->held = rec->held_pages;
	if (rec->kind == DMEM_REC_ZERO && region->held)
		region->held--;
	longer[builder->nr_regions++] = region;
	builder->by_number[rec->region] = builder->nr_regions;
	return builder->nr_regions - 1;
}

static enum first first_of(const struct dmem_rec *rec)
{
	if (rec->kind == DMEM_REC_ZERO)
		return WAS_EMPTY;
	/* A page that was prefetched was remote when the recording began, or nearly so. */
	if (rec->kind == DMEM_REC_FETCH || rec->kind == DMEM_REC_WAIT ||
	    rec->flags & DMEM_REC_F_PREFETCHED)
		return WAS_REMOTE;
	return WAS_LOCAL;
}

static int add_access(struct builder *builder, const struct dmem_rec *rec, uint64_t think_ns,
		      struct dmem_error *error)
{
	struct stream *stream = &builder->stream;
	long region = find_region(builder, rec);

	if (region >= 0 && stream->nr == builder->room) {
		size_t room = builder->room ? 2 * builder->room : 4096;
		struct stream_access *longer = reallocarray(stream->accesses, room,
							    sizeof(*longer));

		if (longer) {
			stream->accesses = longer;
			builder->room = room;
		} else {
			region = -ENOMEM;
		}
	}
	if (region < 0)
		return no_memory(error);
	if (builder->regions[region]->first[rec->page] == UNSEEN) {
		builder->regions[region]->first[rec->page] = first_of(rec);
		stream->footprint_pages++;
	}
	stream->accesses[stream->nr++] = (struct stream_access){
		.think_ns = think_ns,
		.region = (uint32_t)region,
		.page = rec->page,
		.is_zero = rec->kind == DMEM_REC_ZERO,
	};
	stream->think_ns += think_ns;
	return 0;
}

static bool is_same_page(const struct wait *wait, const struct dmem_rec *rec)
{
	return wait->is_there && wait->region == rec->region && wait->page == rec->page;
}

/* The guest goes on: the wait it was in, if any, ends here. */
static void end_wait(struct builder *builder, uint64_t now)
{
	struct wait *waits = &builder->waits;

	if (!waits->is_there)
		return;
	waits->is_there = false;
	if (now > waits->start_ns)
		builder->stream.recorded.stall_ns += now - waits->start_ns;
	if (now > builder->resumed_ns)
		builder->resumed_ns = now;
}

/* When an access began: its page may have come before it was told. */
static uint64_t begin_access(struct builder *builder, const struct dmem_rec *rec)
{
	struct wait *came = &builder->came;

	if (rec->kind == DMEM_REC_FETCH && is_same_page(came, rec)) {
		came->is_there = false;
		return came->start_ns;
	}
	return rec->time_ns;
}

static void count_access(struct stream_figures *figures, const struct dmem_rec *rec)
{
	figures->fetches += rec->kind == DMEM_REC_FETCH;
	figures->late += rec->kind == DMEM_REC_WAIT;
	figures->zero_fills += rec->kind == DMEM_REC_ZERO;
	figures->soft_faults += rec->kind == DMEM_REC_SOFT || rec->kind == DMEM_REC_RESCUE;
}

static int take_access(struct builder *builder, const struct dmem_rec *rec,
		       struct dmem_error *error)
{
	bool returns = rec->flags & DMEM_REC_F_RETRIED &&
		       (rec->kind == DMEM_REC_SOFT || rec->kind == DMEM_REC_RESCUE);
	uint64_t start_ns, think_ns = 0;
	bool at_once;

	if (rec->flags & DMEM_REC_F_PREFETCHED)
		builder->stream.recorded.used_pages++;
	if (returns) {
		if (is_same_page(&builder->waits, rec))
			end_wait(builder, rec->time_ns);
		/* Its page came when the guest had gone on with something else. */
		if (is_same_page(&builder->came, rec))
			builder->came.is_there = false;
		return 0;
	}
	at_once = rec->kind == DMEM_REC_FETCH && is_same_page(&builder->came, rec);
	start_ns = begin_access(builder, rec);
	end_wait(builder, start_ns);
	if (builder->has_begun && start_ns > builder->resumed_ns)
		think_ns = start_ns - builder->resumed_ns;
	builder->has_begun = true;
	if (start_ns > builder->resumed_ns)
		builder->resumed_ns = start_ns;
	if (at_once || rec->kind == DMEM_REC_FETCH || rec->kind == DMEM_REC_WAIT)
		builder->waits = (struct wait){ .is_there = true, .region = rec->region,
						.page = rec->page, .start_ns = start_ns };
	if (at_once)
		end_wait(builder, builder->came.end_ns);
	count_access(&builder->stream.recorded, rec);
	return add_access(builder, rec, think_ns, error);
}

/* Pages have come. */
static void take_arrival(struct builder *builder, const struct dmem_rec *rec)
{
	struct stream_figures *figures = &builder->stream.recorded;
	struct dmem_vm_stats *times = &builder->stream.times;

	figures->fetched_pages += rec->nr_pages;
	times->fetched_pages += rec->nr_pages;
	if (rec->kind == DMEM_REC_PREFETCHED) {
		figures->prefetched_pages += rec->nr_pages;
		times->prefetched_pages += rec->nr_pages;
		times->prefetches++;
		times->prefetch_latency_ns += rec->value;
		return;
	}
	times->fetch_ns += rec->value;
	if (is_same_page(&builder->waits, rec))
		return;
	builder->came = (struct wait){
		.is_there = true,
		.region = rec->region,
		.page = rec->page,
		.start_ns = rec->time_ns > rec->value ? rec->time_ns - rec->value : 0,
		.end_ns = rec->time_ns,
	};
}

static int take_record(struct reading *reading, const struct dmem_rec *rec,
		       const struct dmem_rec_vm *vm)
{
	struct builder *builder;

	if (rec->kind == DMEM_REC_VM)
		return take_settings(reading, rec, vm);
	builder = find_builder(reading, rec->vm);
	if (!builder)
		return dmem_fail(reading->error, EINVAL,
				 "%s: record %llu: an event of VM memory %u, whose settings were not told",
				 reading->reader->path,
				 (unsigned long long)reading->reader->nr_records - 1, rec->vm);
	switch (rec->kind) {
	case DMEM_REC_FETCHED:
	case DMEM_REC_PREFETCHED:
		take_arrival(builder, rec);
		return 0;
	case DMEM_REC_EVICTED:
		builder->stream.recorded.evicted_pages += rec->nr_pages;
		builder->stream.recorded.unused_pages += rec->nr_unused;
		return 0;
	case DMEM_REC_ERROR:
	case DMEM_REC_FETCH_ERROR:
		return 0;
	default:
		return take_access(builder, rec, reading->error);
	}
}

/*
 * What donors held. Pages with content that nobody accessed are taken to have been remote, and to
 * lie evenly among those without an access.
 */
static void set_remote(struct stream_region *to, const struct region *from)
{
	unsigned int seen = 0, unseen = 0, others, sum = 0;

	for (unsigned int page = 0; page < DMEM_MAP_REGION_PAGES; page++) {
		seen += from->first[page] == WAS_REMOTE || from->first[page] == WAS_LOCAL;
		unseen += from->first[page] == UNSEEN;
	}
	others = from->held > seen ? from->held - seen : 0;
	if (others > unseen)
		others = unseen;
	for (unsigned int page = 0; page < DMEM_MAP_REGION_PAGES; page++) {
		bool is_remote = from->first[page] == WAS_REMOTE;

		if (from->first[page] == UNSEEN) {
			sum += others;
			is_remote = sum >= unseen;
			sum -= is_remote ? unseen : 0;
		}
		if (is_remote)
			to->remote[page / 64] |= 1ULL << page % 64;
	}
}

/* Regions in the order of their numbers, and accesses that say so. */
static int finish_regions(struct builder *builder, struct dmem_error *error)
{
	struct stream *stream = &builder->stream;
	uint32_t *place = calloc(builder->nr_regions + 1, sizeof(*place));
	size_t nr = 0;

	stream->regions = calloc(builder->nr_regions + 1, sizeof(*stream->regions));
	if (!place || !stream->regions) {
		free(place);
		return no_memory(error);
	}
	for (size_t number = 0; number < builder->nr_numbers; number++) {
		uint32_t index = builder->by_number[number];

		if (!index)
			continue;
		place[index - 1] = (uint32_t)nr;
		stream->regions[nr].number = (uint32_t)number;
		set_remote(&stream->regions[nr++], builder->regions[index - 1]);
	}
	for (size_t i = 0; i < stream->nr; i++)
		stream->accesses[i].region = place[stream->accesses[i].region];
	stream->nr_regions = nr;
	free(place);
	return 0;
}

static void free_builder(struct builder *builder)
{
	for (size_t i = 0; i < builder->nr_regions; i++)
		free(builder->regions[i]);
	free(builder->regions);
	free(builder->by_number);
}

static void free_stream(struct stream *stream)
{
	free(stream->accesses);
	free(stream->regions);
}

static bool is_wanted(const struct reading *reading, const struct builder *builder)
{
	return !reading->wanted || !strcmp(builder->stream.name, reading->wanted);
}

/* What was built becomes the caller's. */
static int finish(struct reading *reading, struct streams *streams)
{
	int err = 0;

	streams->vms = calloc(reading->nr + 1, sizeof(*streams->vms));
	if (!streams->vms)
		return no_memory(reading->error);
	for (size_t i = 0; !err && i < reading->nr; i++) {
		struct builder *builder = &reading->builders[i];

		if (!is_wanted(reading, builder))
			continue;
		err = finish_regions(builder, reading->error);
		streams->vms[streams->nr++] = builder->stream;
		memset(&builder->stream, 0, sizeof(builder->stream));
	}
	return err;
}

int streams_read(struct trace_reader *reader, const char *vm, struct streams *streams,
		 struct dmem_error *error)
{
	struct reading reading = { .wanted = vm, .reader = reader, .error = error };
	struct dmem_rec_vm settings;
	struct dmem_rec rec;
	int err;

	*streams = (struct streams){};
	while ((err = trace_read(reader, &rec, &settings, error)) > 0) {
		if (rec.kind == DMEM_REC_END)
			continue;
		if (rec.kind == DMEM_REC_LOST) {
			streams->nr_lost += rec.value;
			continue;
		}
		err = take_record(&reading, &rec, &settings);
		if (err)
			break;
	}
	if (!err)
		err = finish(&reading, streams);
	for (size_t i = 0; i < reading.nr; i++) {
		free_builder(&reading.builders[i]);
		free_stream(&reading.builders[i].stream);
	}
	free(reading.builders);
	if (err)
		streams_free(streams);
	return err;
}

void streams_free(struct streams *streams)
{
	for (size_t i = 0; i < streams->nr; i++)
		free_stream(&streams->vms[i]);
	free(streams->vms);
	*streams = (struct streams){};
}
