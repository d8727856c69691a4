// SPDX-License-Identifier: GPL-2.0
/*
 * loop.c - epoll, one event at a time: whoever is called may take out and free any other watch,
 * and nothing that was waited for before is left to point at it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop.h"

int loop_open(struct loop *loop)
{
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
	close(loop->epoll_fd);
}

int loop_add(struct loop *loop, struct watch *watch)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = watch };
	int flags = fcntl(watch->fd, F_GETFL);

	if (flags < 0 || fcntl(watch->fd, F_SETFL, flags | O_NONBLOCK))
		return -errno;
	return epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) ? -errno : 0;
}

void loop_remove(struct loop *loop, struct watch *watch)
{
	epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
}

void loop_run_once(struct loop *loop, int timeout_ms)
{
	struct epoll_event event;
	struct watch *watch;

	if (epoll_wait(loop->epoll_fd, &event, 1, timeout_ms) != 1)
		return;
	watch = event.data.ptr;
	watch->ready(watch);
}
