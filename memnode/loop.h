/* SPDX-License-Identifier: GPL-2.0 */
/* loop.h - one epoll loop; everything of the daemon but its workers is called by it. */
#ifndef MEMNODE_LOOP_H
#define MEMNODE_LOOP_H


/** struct watch - a descriptor, non-blocking, and whom to call while there is something to read */
struct watch {
	int fd;
	void (*ready)(struct watch *watch);
	void *owner;
};

struct loop {
	int epoll_fd;
};

/** loop_open - 0 or -errno */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);

/** loop_add - 0 or -errno; @watch stays where it is until it is taken out */
int loop_add(struct loop *loop, struct watch *watch);

/** loop_remove - before its descriptor is closed; also from within ready() */
void loop_remove(struct loop *loop, struct watch *watch);

/**
 * loop_run_once - wait for one descriptor, at most so long, and call who wants to know
 * @timeout_ms: -1: for ever
 */
void loop_run_once(struct loop *loop, int timeout_ms);

#endif /* MEMNODE_LOOP_H */
