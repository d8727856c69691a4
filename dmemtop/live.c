// SPDX-License-Identifier: GPL-2.0
/*
 * live.c - samples from the maps, few system calls each.
 *
 * Regions are what there may be a million of: they are walked through for a while a sample, into
 * the bins of heat.c. The region that the cursor is on is looked up by itself.
 */
#include "live.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>

#include "pool.h"
#include "scan.h"

/* Entries of a batch: some 0.1 ms. */
#define REGION_BATCH	256
/* Pools come and go less often than frames. */
#define POOLS_NS	5000000000ULL
#define NS_PER_S	1000000000ULL

struct top_live {
	struct dmem_plane plane;
	bool is_open;
	struct stat pinned;
	__u32 plane_id;
	struct heat heat;
	struct dmem_scan regions;
	struct dmem_scan orders;
	bool in_orders;			/* the walk is through the regions already */
	__u64 epoch;
	__u64 buckets;			/* of the map of regions */
	__u64 pools_ns;
	struct top_donor *donors;
	size_t nr_donors;
	struct stat journal_stat;
	struct dmem_journal journal;
};

struct top_live *top_live_open(void)
{
	return calloc(1, sizeof(struct top_live));
}

static void end_walk(struct top_live *live)
{
	heat_end(&live->heat);
	dmem_scan_end(&live->regions);
	dmem_scan_end(&live->orders);
	live->in_orders = false;
}

static void close_plane(struct top_live *live)
{
	end_walk(live);
	if (live->is_open)
		dmem_plane_close(&live->plane);
	live->is_open = false;
}

void top_live_close(struct top_live *live)
{
	if (!live)
		return;
	close_plane(live);
	free(live->donors);
	free(live);
}

/*
 * The plane
 */

static int explain_missing(int err, struct dmem_error *error)
{
	if (err == -ENOENT && access("/sys/module/dmem", F_OK))
		return dmem_fail(error, ENOENT,
				 "the dmem module is not loaded: modprobe dmem, then start dmem-tuner");
	return err;
}

static bool is_same_file(const struct stat *one, const struct stat *two)
{
	return one->st_dev == two->st_dev && one->st_ino == two->st_ino &&
	       one->st_ctim.tv_sec == two->st_ctim.tv_sec &&
	       one->st_ctim.tv_nsec == two->st_ctim.tv_nsec;
}

static int open_plane(struct top_live *live, struct dmem_error *error)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	struct stat pinned;
	int err;

	if (live->is_open && !stat(DMEM_PIN_DIR "/version", &pinned) &&
	    is_same_file(&pinned, &live->pinned))
		return 0;
	close_plane(live);
	if (stat(DMEM_PIN_DIR "/version", &live->pinned))
		memset(&live->pinned, 0, sizeof(live->pinned));
	err = dmem_plane_open(&live->plane, false, error);
	if (err)
		return explain_missing(err, error);
	live->is_open = true;
	err = bpf_obj_get_info_by_fd(live->plane.map[DMEM_PLANE_VMS], &info, &len);
	if (err) {
		close_plane(live);
		return dmem_fail(error, err, "reading " DMEM_PIN_DIR "/vms: %s", strerror(-err));
	}
	live->plane_id = info.id;
	live->buckets = 1;
	len = sizeof(info);
	if (!bpf_obj_get_info_by_fd(live->plane.map[DMEM_PLANE_REGIONS], &info, &len))
		while (live->buckets < info.max_entries)
			live->buckets *= 2;
	return 0;
}

static int read_counters(struct top_live *live, const struct top_want *want,
			 struct top_sample *sample, struct dmem_error *error)
{
	const struct dmem_plane *plane = &live->plane;
	int err = dmem_plane_read_epoch(plane, &sample->epoch, error);

	if (!err)
		err = dmem_plane_read_stats(plane, &sample->stats, error);
	if (!err)
		err = dmem_plane_read_vms(plane, &sample->vms, &sample->nr_vms, error);
	if (!err && want->latencies)
		err = dmem_plane_read_latencies(plane, &sample->latencies, &sample->nr_latencies,
						error);
	if (!err && want->regions)
		err = dmem_plane_read_regions(plane, &sample->regions, &sample->nr_regions, error);
	sample->has_regions = want->regions;
	return err;
}

/*
 * Regions
 */

static void visit_region(const void *key, const void *value, void *data)
{
	struct top_live *live = data;

	heat_add_region(&live->heat, key, value, live->epoch);
}

static void visit_order(const void *key, const void *value, void *data)
{
	struct top_live *live = data;

	heat_add_order(&live->heat, key, value);
}

__u64 top_cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (__u64)now.tv_sec * NS_PER_S + (__u64)now.tv_nsec;
}

static int begin_walk(struct top_live *live, const struct top_want *want)
{
	int err;

	end_walk(live);
	err = heat_begin(&live->heat, want->vm, &want->window);
	if (!err)
		err = dmem_scan_begin(&live->regions, DMEM_PLANE_REGIONS,
				      sizeof(struct dmem_region_key),
				      sizeof(struct dmem_region_value), REGION_BATCH);
	if (!err)
		err = dmem_scan_begin(&live->orders, DMEM_PLANE_ORDERS,
				      sizeof(struct dmem_region_key),
				      sizeof(struct dmem_order_value), REGION_BATCH);
	if (err)
		end_walk(live);
	return err;
}

/* Return: 1 where the walk is through. */
static int walk_on(struct top_live *live, struct dmem_error *error)
{
	int err;

	if (live->in_orders) {
		err = dmem_scan_step(&live->plane, &live->orders, visit_order, live, error);
		live->in_orders = !err;
		return err;
	}
	err = dmem_scan_step(&live->plane, &live->regions, visit_region, live, error);
	live->in_orders = err == 1;
	return err < 0 ? err : 0;
}

/* The region of the cursor, and what is decided for it: both may be missing. */
static void read_spot(const struct top_live *live, const struct top_want *want,
		      struct top_sample *sample)
{
	struct dmem_plane_region *spot = &sample->spot;

	spot->key = (struct dmem_region_key){ .vm = want->vm, .region = want->spot };
	sample->has_spot = !bpf_map_lookup_elem(live->plane.map[DMEM_PLANE_REGIONS], &spot->key,
						&spot->value);
	spot->decided = sample->has_spot &&
			!bpf_map_lookup_elem(live->plane.map[DMEM_PLANE_ORDERS], &spot->key,
					     &spot->order);
}

/*
 * In 1/1000, of both maps: how far the kernel is through the buckets, which is what its hash maps
 * have for a token. A kernel that has something else makes this wrong, and nothing but this.
 */
static __u32 progress_of(const struct top_live *live)
{
	const struct dmem_scan *scan = live->in_orders ? &live->orders : &live->regions;
	__u64 part = scan->begun ? scan->token * 500ULL / live->buckets : 0;

	return (__u32)((part < 500 ? part : 499) + (live->in_orders ? 500 : 0));
}

static int copy_map(const struct top_live *live, struct top_sample *sample)
{
	const struct heat *heat = &live->heat;
	struct top_map *map = &sample->map;

	map->bins = malloc((heat->nr_bins + 1) * sizeof(*map->bins));
	if (!map->bins)
		return -ENOMEM;
	memcpy(map->bins, heat_bins(heat), heat->nr_bins * sizeof(*map->bins));
	map->nr_bins = heat->nr_bins;
	map->vm = heat->vm;
	map->window = heat->window;
	map->span_ns = heat->span_ns;
	map->progress = heat->walks ? 1000 : progress_of(live);
	return 0;
}

static int read_map(struct top_live *live, const struct top_want *want, __u64 walk_ns,
		    struct top_sample *sample, struct dmem_error *error)
{
	__u64 began_ns, step_ns, walked_ns = 0;
	int err = 0;

	if (!want->vm || !want->window.nr) {
		end_walk(live);
		return 0;
	}
	if (!live->heat.work || live->heat.vm != want->vm ||
	    memcmp(&live->heat.window, &want->window, sizeof(want->window)))
		err = begin_walk(live, want);
	if (err)
		return dmem_fail(error, err, "%s", strerror(-err));
	live->epoch = sample->epoch;
	began_ns = top_cpu_ns();
	do {
		err = walk_on(live, error);
		step_ns = top_cpu_ns() - began_ns - walked_ns;
		walked_ns += step_ns;
	} while (!err && walked_ns + step_ns <= walk_ns);
	if (err < 0)
		return err;
	if (err)
		heat_walked(&live->heat, sample->time_ns);
	read_spot(live, want, sample);
	err = copy_map(live, sample);
	return err ? dmem_fail(error, err, "%s", strerror(-err)) : 0;
}

/*
 * Pools and the tuner
 */

/* What stands for the VM memories of a pool: the number of the first whose file is seen. */
static __u32 find_donor_id(const char *path, const struct top_sample *sample)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	__u32 id = 0;

	while (dir && !id && (entry = readdir(dir)))
		for (size_t i = 0; !id && i < sample->nr_vms; i++)
			if (sample->vms[i].id == entry->d_ino)
				id = sample->vms[i].value.donor;
	if (dir)
		closedir(dir);
	return id;
}

static void cut_to(char *to, size_t room, const char *from, size_t len)
{
	len = len < room ? len : room - 1;
	memcpy(to, from, len);
	to[len] = 0;
}

static void fill_donor(struct top_donor *donor, const struct dmem_pool *pool,
		       const struct top_sample *sample)
{
	const char *spec = strstr(pool->options, "donor=");
	struct dmem_pool_usage usage = {};
	struct dmem_error error;

	memset(donor, 0, sizeof(*donor));
	spec = spec ? spec + strlen("donor=") : "";
	cut_to(donor->path, sizeof(donor->path), pool->path, strlen(pool->path));
	cut_to(donor->spec, sizeof(donor->spec), spec, strcspn(spec, ","));
	if (!dmem_pool_get_usage(pool->path, &usage, &error))
		donor->state = TOP_DONOR_UP;
	donor->lent_bytes = usage.lent_bytes;
	donor->reserved_bytes = usage.reserved_bytes;
	donor->id = find_donor_id(pool->path, sample);
}

static int look_for_pools(struct top_live *live, const struct top_sample *sample)
{
	struct dmem_pool *pools;
	struct dmem_error error;
	size_t nr;

	if (live->pools_ns && sample->time_ns - live->pools_ns < POOLS_NS)
		return 0;
	free(live->donors);
	live->nr_donors = 0;
	live->pools_ns = sample->time_ns;
	if (dmem_pool_list(&pools, &nr, &error))
		nr = 0, pools = NULL;
	live->donors = calloc(nr + 1, sizeof(*live->donors));
	for (size_t i = 0; live->donors && i < nr; i++)
		fill_donor(&live->donors[live->nr_donors++], &pools[i], sample);
	dmem_pool_list_free(pools, nr);
	return live->donors ? 0 : -ENOMEM;
}

/* It is renamed into place: what has changed is another file. */
static void read_journal(struct top_live *live, struct top_sample *sample)
{
	struct dmem_error error;
	struct stat now;

	if (stat(DMEM_JOURNAL_FILE, &now)) {
		memset(&live->journal, 0, sizeof(live->journal));
		memset(&live->journal_stat, 0, sizeof(live->journal_stat));
	} else if (!is_same_file(&now, &live->journal_stat)) {
		dmem_journal_read(DMEM_JOURNAL_FILE, &live->journal, &error);
		live->journal_stat = now;
	}
	sample->tuner = live->journal;
}

static int read_surroundings(struct top_live *live, struct top_sample *sample)
{
	int err = look_for_pools(live, sample);

	if (err)
		return err;
	read_journal(live, sample);
	sample->donors = calloc(live->nr_donors + 1, sizeof(*sample->donors));
	if (!sample->donors)
		return -ENOMEM;
	memcpy(sample->donors, live->donors, live->nr_donors * sizeof(*sample->donors));
	sample->nr_donors = live->nr_donors;
	return 0;
}

int top_live_read(struct top_live *live, const struct top_want *want, __u64 walk_ns,
		  struct top_sample *sample, struct dmem_error *error)
{
	struct timespec now;
	int err;

	memset(sample, 0, sizeof(*sample));
	err = open_plane(live, error);
	if (err)
		return err;
	clock_gettime(CLOCK_REALTIME, &now);
	sample->unix_ns = (__u64)now.tv_sec * NS_PER_S + (__u64)now.tv_nsec;
	sample->time_ns = dmem_clock_ns();
	sample->plane_id = live->plane_id;
	err = read_counters(live, want, sample, error);
	if (!err)
		err = read_map(live, want, walk_ns, sample, error);
	if (!err) {
		err = read_surroundings(live, sample);
		if (err)
			dmem_fail(error, err, "%s", strerror(-err));
	}
	if (err)
		top_sample_free(sample);
	return err;
}
