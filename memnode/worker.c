// SPDX-License-Identifier: GPL-2.0
/* worker.c - a thread with a list of jobs, and an eventfd that tells the loop which have ended. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "worker.h"

static void *work(void *argument)
{
	const uint64_t one = 1;
	struct worker *worker = argument;
	struct job *job;

	pthread_mutex_lock(&worker->lock);
	for (;;) {
		while (!(job = STAILQ_FIRST(&worker->todo)) && !worker->ending)
			pthread_cond_wait(&worker->wake, &worker->lock);
		if (!job)
			break;
		STAILQ_REMOVE_HEAD(&worker->todo, entry);
		pthread_mutex_unlock(&worker->lock);
		job->run(job);
		pthread_mutex_lock(&worker->lock);
		STAILQ_INSERT_TAIL(&worker->finished, job, entry);
		/* It can only fail where it counts to 2^64: the loop is awake then. */
		if (write(worker->watch.fd, &one, sizeof(one)) < 0)
			continue;
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

static struct job *take_finished(struct worker *worker)
{
	struct job *job;

	pthread_mutex_lock(&worker->lock);
	job = STAILQ_FIRST(&worker->finished);
	if (job)
		STAILQ_REMOVE_HEAD(&worker->finished, entry);
	pthread_mutex_unlock(&worker->lock);
	return job;
}

static void call_finished(struct watch *watch)
{
	struct worker *worker = watch->owner;
	struct job *job;
	uint64_t count;

	/* Nothing to read: somebody else's wake-up has taken it along. */
	if (read(watch->fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return;
	while ((job = take_finished(worker)))
		job->done(job);
}

static int start_thread(struct worker *worker)
{
	sigset_t all, before;
	int err;

	/* Signals are the loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&worker->thread, NULL, work, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -err;
}

int worker_start(struct worker *worker, struct loop *loop)
{
	int err;

	*worker = (struct worker){
		.watch = { .ready = call_finished, .owner = worker },
	};
	STAILQ_INIT(&worker->todo);
	STAILQ_INIT(&worker->finished);
	pthread_mutex_init(&worker->lock, NULL);
	pthread_cond_init(&worker->wake, NULL);
	worker->watch.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (worker->watch.fd < 0)
		return -errno;
	err = loop_add(loop, &worker->watch);
	if (!err)
		err = start_thread(worker);
	if (err)
		close(worker->watch.fd);
	return err;
}

void worker_submit(struct worker *worker, struct job *job)
{
	pthread_mutex_lock(&worker->lock);
	STAILQ_INSERT_TAIL(&worker->todo, job, entry);
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
}

void worker_stop(struct worker *worker)
{
	pthread_mutex_lock(&worker->lock);
	worker->ending = true;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
	pthread_join(worker->thread, NULL);
	call_finished(&worker->watch);
	close(worker->watch.fd);
}
