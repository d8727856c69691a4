/* SPDX-License-Identifier: GPL-2.0 */
/*
 * micro.h - what the parts of the micro benchmark share: stamps and what is told of them, VM
 * memory to measure on, and who touches it.
 *
 * Whatever goes wrong ends the program: a benchmark has nothing to recover.
 */
#ifndef DMEM_MICRO_H
#define DMEM_MICRO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE		4096UL
#define PAGES		4096UL		/* of a warm-up, and measured in most cases: 16 MiB */
#define MAX_STAMPS	(4 * PAGES)

/* Of one access, in ticks of the CPU that made it. The guest's code writes these too. */
struct stamp {
	uint64_t start;
	uint64_t end;
};

/*
 * Who touches memory: this process, or a guest whose memory it is.
 * attach: before the memory is touched by it; detach: before it is unmapped.
 * touch: one byte of every @step-th page, @nr times, leaving as many stamps.
 */
struct toucher {
	const char *prefix;		/* of its cases' names */
	void (*attach)(char *map, size_t pages);
	void (*touch)(char *map, size_t step_pages, size_t nr, bool write, struct stamp *stamps);
	void (*detach)(void);
	uint64_t access_ticks;		/* of an access that is free; set by measure_toucher() */
	uint64_t loop_ticks;		/* from one such access to the next */
};

/* micro.c */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void must_have_counted(const char *what, uint64_t before, uint64_t after, uint64_t least);
char *map_anonymous(size_t pages);
uint64_t minor_faults(void);
/* A number that is a file's whole content, or stands there after a word. */
uint64_t read_number(const char *path, const char *word);

/* micro_time.c */
extern struct stamp stamps[MAX_STAMPS];
void calibrate_clock(void);
void measure_toucher(struct toucher *toucher, char *mapped);
uint64_t clock_ns(void);
double median(double *samples, size_t nr);
void touch_here(char *map, size_t step_pages, size_t nr, bool write, struct stamp *to);
double median_access(const struct toucher *toucher, size_t nr);
void report_accesses(const struct toucher *toucher, const char *name, size_t nr);
void report_batches(const struct toucher *toucher, const char *name, size_t nr, size_t batch,
		    size_t pages);
void report_samples(const char *name, double *samples, size_t nr);

/* micro_pool.c */
#define ALL_LOCAL	"donor=local:256M,direct=100%"

struct vm {
	int fd;
	char *map;
	size_t pages;
};

struct vm vm_make(const char *options, size_t pages);
void vm_end(struct vm *vm);
void vm_flush(struct vm *vm);
/* A second mapping, which finds what the first has used local and not mapped. */
char *vm_map_again(const struct vm *vm);
void vm_set_limit(struct vm *vm, uint64_t pages);
struct dmem_vm_get vm_get(struct vm *vm);

/* micro_cases.c, micro_kvm.c */
extern struct toucher host;
extern struct toucher guest;
void bench_cases(struct toucher *toucher);
void remote_read(struct toucher *toucher, struct vm *vm);
void read_blocks(const char *options, const char *name, unsigned int order, bool all);
void bench_orders(void);
void guest_start(void);
void guest_stop(void);

/* micro_peers.c */
void bench_swap(const char *device, const char *name, const char *cluster, const char *packets,
		const char *reclaim);
void bench_uffd(void);

/* micro_plane.c */
void bench_plane(const char *name, char **programs);

/* micro_rdma.c */
void bench_rdma(const char *address, const char *donor_pid);

/* micro_scaling.c */
/* False: there is none of that name. */
bool bench_scaling(const char *name);

/* micro_stages.c */
void bench_stages(void);

#endif /* DMEM_MICRO_H */
