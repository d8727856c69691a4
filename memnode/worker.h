/* SPDX-License-Identifier: GPL-2.0 */
/*
 * worker.h - threads for what the kernel takes long over: registering memory, freeing it.
 *
 * 16 GiB are seconds of either, in which the loop must answer everybody else. There are two: one
 * for what a client waits for, an extent at a time, and one for whatever goes through all of a
 * client's extents.
 */
#ifndef MEMNODE_WORKER_H
#define MEMNODE_WORKER_H

#include <pthread.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "loop.h"

/** struct job - a piece of work; its owner keeps it until done() */
struct job {
	void (*run)(struct job *job);	/* in the worker */
	void (*done)(struct job *job);	/* in the loop, afterwards; may free it */
	STAILQ_ENTRY(job) entry;
};
STAILQ_HEAD(job_list, job);

struct worker {
	pthread_t thread;
	pthread_mutex_t lock;		/* of both lists and ending */
	pthread_cond_t wake;
	struct job_list todo, finished;
	bool ending;
	struct watch watch;		/* an eventfd: finished is not empty */
};

/** worker_start - 0 or -errno; done() of its jobs is called by @loop */
int worker_start(struct worker *worker, struct loop *loop);

/** worker_submit - from the loop; jobs are run one after another */
void worker_submit(struct worker *worker, struct job *job);

/** worker_stop - run what there is to run, call what there is to call, end */
void worker_stop(struct worker *worker);

#endif /* MEMNODE_WORKER_H */
