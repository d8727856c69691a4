/* SPDX-License-Identifier: GPL-2.0 */
/*
 * judge.h - what the tuner keeps of VM memories and regions, and what follows from a new reading of
 * one. No maps and no clock, so it is tested alone.
 */
#ifndef DMEM_JUDGE_H
#define DMEM_JUDGE_H

#include "model.h"
#include "plane.h"

enum tune_mode {
	TUNE_AUTO,
	TUNE_STATIC,
	TUNE_BUDDY,
	TUNE_OFF,
};

/** struct tune_rule - a mode, with its order where it is TUNE_STATIC. */
struct tune_rule {
	enum tune_mode mode;
	unsigned int order;
};

/**
 * tune_parse_mode - a mode as the command line has it: auto, buddy, off, static:N
 *
 * Return: NULL, or what is wrong with it.
 */
const char *tune_parse_mode(const char *text, struct tune_rule *rule);

/** tune_mode_name - the same the other way round; returns @buf. */
const char *tune_mode_name(const struct tune_rule *rule, char *buf, size_t len);

/** struct tune_counts - the counters of a region that samples are made of; they wrap likewise. */
struct tune_counts {
	__u32 misses;
	__u32 prefetched;
	__u32 used;
	__u32 unused;
	__u32 evicted;
	__u16 distance[MODEL_DISTANCE_SLOTS];
	__u16 forward;
};

/**
 * struct tune_region - what is remembered of a region; a million of them must not take much
 * @base: counters as when it was last judged
 * @round: of the tuner's, in which it was last looked at
 * @epoch, @demands, @filled, @active_ms: the epoch of its last reading, its demands and zero fills
 *	when that began, and how much of it the region was in use
 * @zero_fills: as of its last reading
 * @judged: tune_vm.judged when it last was
 * @past_used, @past_decided, @past_order: struct model_past
 * @order: decided for it, if TUNE_DECIDED
 * @incumbent: what @order is tried out against, if TUNE_PROBE
 * @quiet, @patience: samples until it may be tried out again; how many that were the last time
 * @weight: decided pages that @density rests on, 255 at most
 * @density: by order, in 255ths
 */
struct tune_region {
	struct tune_counts base;
	__u32 round;
	__u32 epoch;
	__u32 demands;
	__u32 filled;
	__u32 zero_fills;
	__u32 judged;
	__u16 active_ms;
	__u16 past_used;
	__u16 past_decided;
	__u8 past_order;
	__u8 flags;
	__u8 order;
	__u8 incumbent;
	__u8 quiet;
	__u8 patience;
	__u8 weight;
	__u8 density[MODEL_ORDERS];
};

#define TUNE_KNOWN	1	/* in struct tune_region.flags: it has been looked at */
#define TUNE_DECIDED	2
#define TUNE_PROBE	4

#define TUNE_CHUNK	512U	/* regions that memory is taken for at once: 1 GiB's */

/** struct tune_costs - what fetches took, by order, and became of pages; older ones count less. */
struct tune_costs {
	double seconds;
	double fetches[MODEL_ORDERS];
	double fetch_ns[MODEL_ORDERS];
	double rest_requests[MODEL_ORDERS];
	double rest_pages[MODEL_ORDERS];
	double rest_ns[MODEL_ORDERS];
	double evicted;
	double fetched;
	double reused;
};

/**
 * struct tune_vm - a VM memory
 * @now: its last reading
 * @is_there: it was in the last reading
 * @last: what that had counted
 * @costs, @link, @stay_ns: what follows from readings: also how long a page that nobody uses stays
 * @pool, @prior: what its regions look like
 * @judged: samples that were enough
 * @pooled: @judged when the order for all was last decided
 * @tries: probes that it may begin
 * @all_order: decided for all regions without one of their own, if @is_all_decided
 */
struct tune_vm {
	__u32 id;
	struct tune_rule rule;
	struct dmem_plane_vm now;
	bool is_there;
	struct tune_costs last;
	struct tune_costs costs;
	struct model_link link;
	__u64 stay_ns;
	struct model_pool pool;
	struct model_prior prior;
	__u32 judged;
	__u32 pooled;
	double tries;
	bool is_all_decided;
	unsigned int all_order;
	__u32 nr_chunks;
	struct tune_region **chunks;
};

/** struct tune_moment - when a reading was taken. */
struct tune_moment {
	__u32 round;
	__u64 epoch;
	__u64 since_ns;		/* the last round */
	bool is_takeover;	/* decisions that are found were another tuner's */
};

/** tune_counts_of - of a region's value. */
struct tune_counts tune_counts_of(const struct dmem_region_value *value);

/**
 * tune_sample - how a region was used between two readings
 * @before: all zero: since the plane was loaded
 * @epoch: the present one
 */
struct model_sample tune_sample(const struct dmem_region_value *now,
				const struct dmem_region_value *before, __u64 epoch);

/** tune_link - what a fetch costs, from the times that all of a VM's fetches took. */
struct model_link tune_link(const struct dmem_vm_stats *stats);

/** tune_costs_of - the same totals, of all orders together, as costs: where orders are not told. */
struct tune_costs tune_costs_of(const struct dmem_vm_stats *stats);

/** tune_host_ns - of tune_measure_host(): the host's work for a page that is fetched. */
double tune_host_ns(void);

/** tune_measure_host - find out how fast this host is, in a millisecond. */
void tune_measure_host(void);

/** tune_set_host_ns - what it was on another host; 0: not known. */
void tune_set_host_ns(double ns);

/**
 * tune_costs_add - what a donor took for a VM memory, since the plane was loaded
 * @to: all zero before the first donor's
 */
void tune_costs_add(struct tune_costs *to, const struct dmem_latency_value *value);

/**
 * tune_vm_measure - new readings of a VM memory's counters: what fetches cost, how long pages stay
 * @told: of tune_costs_add(), since the plane was loaded
 * @seconds: since the reading before
 */
void tune_vm_measure(struct tune_vm *vm, const struct tune_costs *told, double seconds);

/** tune_vm_order - the order in force for a region of it. */
unsigned int tune_vm_order(const struct tune_vm *vm, const struct tune_region *region);

/** tune_vm_region - what is remembered of a region; NULL without memory for it. */
struct tune_region *tune_vm_region(struct tune_vm *vm, __u32 index);

/** tune_vm_find - the same, or NULL where nothing is. */
struct tune_region *tune_vm_find(const struct tune_vm *vm, __u32 index);

/** tune_vm_free - give its memory back. */
void tune_vm_free(struct tune_vm *vm);

/**
 * tune_judge - a new reading of a region: what is to be decided
 * @vm: its pool learns from it
 *
 * Return: @changed where the region's order should change: tune_apply() then.
 */
struct model_decision tune_judge(struct tune_vm *vm, __u32 index,
				 const struct dmem_region_value *value,
				 const struct tune_moment *moment);

/**
 * tune_judge_all - the order for regions without a decision of their own
 * @decision: takes it
 *
 * Return: whether it is another than up to now.
 */
bool tune_judge_all(struct tune_vm *vm, struct model_decision *decision);

#endif /* DMEM_JUDGE_H */
