// SPDX-License-Identifier: GPL-2.0
/*
 * spoil.c - loaded into a dmem-memnode by LD_PRELOAD: on a signal it breaks what its clients use,
 * as a device does that fails.
 *   SIGUSR1  its data connections' queue pairs go to the error state: nothing is answered
 *   SIGUSR2  its extents' memory regions go: what is answered is an error
 *
 * A data connection is one that can be sent nothing but a single request by (max_send_wr 1). What
 * the daemon frees itself is left to it, but for regions that are gone.
 */
#include <dlfcn.h>
#include <infiniband/verbs.h>
#include <pthread.h>
#include <rdma/rdma_cma.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#define PIECES_MAX	256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;	/* all below */
static struct ibv_qp *qps[PIECES_MAX];
static struct ibv_mr *regions[PIECES_MAX], *gone[PIECES_MAX];

static void *next(const char *name)
{
	void *symbol = dlsym(RTLD_NEXT, name);

	if (!symbol)
		abort();
	return symbol;
}

static void put(void **pieces, void *piece)
{
	unsigned int i = 0;

	while (pieces[i])
		if (++i == PIECES_MAX)
			abort();
	pieces[i] = piece;
}

/* Whether it was there. */
static bool take(void **pieces, const void *piece)
{
	for (unsigned int i = 0; i < PIECES_MAX; i++)
		if (pieces[i] == piece) {
			pieces[i] = NULL;
			return true;
		}
	return false;
}

int rdma_create_qp(struct rdma_cm_id *id, struct ibv_pd *pd, struct ibv_qp_init_attr *attr)
{
	bool is_data = attr->cap.max_send_wr == 1;
	int err = ((typeof(&rdma_create_qp))next("rdma_create_qp"))(id, pd, attr);

	pthread_mutex_lock(&lock);
	if (!err && is_data)
		put((void **)qps, id->qp);
	pthread_mutex_unlock(&lock);
	return err;
}

void rdma_destroy_qp(struct rdma_cm_id *id)
{
	pthread_mutex_lock(&lock);
	take((void **)qps, id->qp);
	((typeof(&rdma_destroy_qp))next("rdma_destroy_qp"))(id);
	pthread_mutex_unlock(&lock);
}

/* What ibv_reg_mr_iova() is where its flags are no constant. */
struct ibv_mr *ibv_reg_mr_iova2(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova,
				unsigned int access)
{
	struct ibv_mr *(*reg)(struct ibv_pd *pd, void *addr, size_t length, uint64_t iova,
			      unsigned int access) = next("ibv_reg_mr_iova2");
	struct ibv_mr *mr = reg(pd, addr, length, iova, access);

	pthread_mutex_lock(&lock);
	if (mr)
		put((void **)regions, mr);
	pthread_mutex_unlock(&lock);
	return mr;
}

static int dereg(struct ibv_mr *mr)
{
	return ((typeof(&ibv_dereg_mr))next("ibv_dereg_mr"))(mr);
}

int ibv_dereg_mr(struct ibv_mr *mr)
{
	int err = 0;

	pthread_mutex_lock(&lock);
	take((void **)regions, mr);
	if (!take((void **)gone, mr))
		err = dereg(mr);
	pthread_mutex_unlock(&lock);
	return err;
}

static void fail_qps(void)
{
	struct ibv_qp_attr attr = { .qp_state = IBV_QPS_ERR };

	for (unsigned int i = 0; i < PIECES_MAX; i++)
		if (qps[i])
			ibv_modify_qp(qps[i], &attr, IBV_QP_STATE);
}

static void take_regions(void)
{
	for (unsigned int i = 0; i < PIECES_MAX; i++) {
		if (!regions[i] || dereg(regions[i]))
			continue;
		put((void **)gone, regions[i]);
		regions[i] = NULL;
	}
}

static void *listen_to_signals(void *set)
{
	int sig;

	for (;;) {
		if (sigwait(set, &sig))
			abort();
		pthread_mutex_lock(&lock);
		if (sig == SIGUSR1)
			fail_qps();
		else
			take_regions();
		pthread_mutex_unlock(&lock);
	}
	return NULL;
}

/* Before any thread of the daemon's is made: they have the signals blocked, too. */
__attribute__((constructor))
static void begin(void)
{
	static sigset_t set;
	pthread_t thread;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) ||
	    pthread_create(&thread, NULL, listen_to_signals, &set))
		abort();
}
