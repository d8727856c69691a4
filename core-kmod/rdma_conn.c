// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_conn.c - data connections: requests made beforehand, posting, completion.
 *
 * conn->lock (BH off) guards a connection's lists and its posting. Completions come in softirq.
 * One with an error completes nothing: it breaks the session, and the request stays where it is
 * until its queue has been drained.
 */
#include <crypto/algapi.h>
#include <linux/slab.h>

#include "rdma.h"

void dmem_rdma_conns_init(struct dmem_rdma_donor *donor)
{
	unsigned int i;

	for (i = 0; i < DMEM_RDMA_CONNS; i++) {
		struct dmem_rdma_conn *conn = &donor->conns[i];

		conn->link.donor = donor;
		spin_lock_init(&conn->lock);
		INIT_LIST_HEAD(&conn->free);
		INIT_LIST_HEAD(&conn->inflight);
		INIT_LIST_HEAD(&conn->waiting);
	}
}

/**
 * dmem_rdma_conn - which connection a request goes by
 * @donor: where to
 * @io: the request
 *
 * The only place that decides: fetches by CPU; writebacks by a queue of their own, so that no
 * READ waits behind a WRITE, and those of a region always by the same.
 */
struct dmem_rdma_conn *dmem_rdma_conn(struct dmem_rdma_donor *donor, const struct dmem_io *io)
{
	unsigned int nr = READ_ONCE(donor->nr_fetch);

	if (io->out || !nr)
		return &donor->conns[DMEM_RDMA_FETCH_CONNS];
	return &donor->conns[raw_smp_processor_id() % nr];
}

static enum dma_data_direction dmem_rdma_direction(const struct dmem_io *io)
{
	return io->out ? DMA_TO_DEVICE : DMA_FROM_DEVICE;
}

static void dmem_rdma_unmap(struct dmem_rdma_conn *conn, struct dmem_rdma_request *request,
			    unsigned int nr)
{
	const struct dmem_io *io = request->part->io;

	while (nr--)
		ib_dma_unmap_page(conn->link.id->device, request->dma[nr], PAGE_SIZE,
				  dmem_rdma_direction(io));
}

static bool dmem_rdma_map(struct dmem_rdma_conn *conn, struct dmem_rdma_request *request)
{
	const struct dmem_io *io = request->part->io;
	struct ib_device *device = conn->link.id->device;
	unsigned int i;

	for (i = 0; i < io->nr_pages; i++) {
		request->dma[i] = ib_dma_map_page(device, io->pages[i].page, 0, PAGE_SIZE,
						  dmem_rdma_direction(io));
		if (ib_dma_mapping_error(device, request->dma[i])) {
			dmem_rdma_unmap(conn, request, i);
			return false;
		}
	}
	return true;
}

/* Pages from @first on that go by one WR: adjacent at the donor, no more than it has SGEs. */
static u16 dmem_rdma_run(const struct dmem_rdma_conn *conn, const struct dmem_io *io, u16 first)
{
	u16 nr = 1;

	while (first + nr < io->nr_pages && nr < conn->max_sges &&
	       io->pages[first + nr].index == io->pages[first].index + nr)
		nr++;
	return nr;
}

static u16 dmem_rdma_count_wrs(const struct dmem_rdma_conn *conn, const struct dmem_io *io)
{
	u16 first, nr = conn->sink && io->out;

	for (first = 0; first < io->nr_pages; first += dmem_rdma_run(conn, io, first))
		nr++;
	return nr;
}

static void dmem_rdma_build_wr(struct dmem_rdma_conn *conn, struct dmem_rdma_request *request,
			       u16 wr, u16 first, u16 nr)
{
	const struct dmem_io_part *part = request->part;
	const struct dmem_rdma_extent *extent = part->place;
	struct ib_sge *sges = conn->sges + first;
	u16 i;

	for (i = 0; i < nr; i++)
		sges[i] = (struct ib_sge) {
			.addr = request->dma[first + i],
			.length = PAGE_SIZE,
			.lkey = conn->link.donor->pd->local_dma_lkey,
		};
	conn->wrs[wr] = (struct ib_rdma_wr) {
		.wr = {
			.next = &conn->wrs[wr + 1].wr,
			.wr_cqe = &request->cqe,
			.sg_list = sges,
			.num_sge = nr,
			.opcode = part->io->out ? IB_WR_RDMA_WRITE : IB_WR_RDMA_READ,
		},
		.remote_addr = extent->address + part->slot * DMEM_REGION_BYTES +
			       part->io->pages[first].index * PAGE_SIZE,
		.rkey = extent->rkey,
	};
}

/*
 * On iWARP the completion of a WRITE says nothing of the other end, but that of a READ behind
 * it does.
 */
static void dmem_rdma_build_sink(struct dmem_rdma_conn *conn, u16 wr)
{
	struct ib_sge *sge = conn->sges + DMEM_IO_MAX_PAGES;

	*sge = (struct ib_sge) {
		.addr = conn->sink_dma,
		.length = sizeof(*conn->sink),
		.lkey = conn->link.donor->pd->local_dma_lkey,
	};
	conn->wrs[wr] = conn->wrs[wr - 1];
	conn->wrs[wr].wr.next = NULL;
	conn->wrs[wr].wr.sg_list = sge;
	conn->wrs[wr].wr.num_sge = 1;
	conn->wrs[wr].wr.opcode = IB_WR_RDMA_READ;
	conn->wrs[wr].wr.send_flags = 0;
}

/* Post a part: all its WRs with one call, the last one signaled. False: no DMA mapping now. */
static bool dmem_rdma_post(struct dmem_rdma_conn *conn, struct dmem_rdma_request *request,
			   struct dmem_io_part *part, u16 nr_wrs)
{
	struct dmem_io *io = part->io;
	u16 first, nr, wr = 0;

	request->part = part;
	if (!dmem_rdma_map(conn, request))
		return false;
	for (first = 0; first < io->nr_pages; first += nr) {
		nr = dmem_rdma_run(conn, io, first);
		dmem_rdma_build_wr(conn, request, wr++, first, nr);
	}
	if (conn->sink && io->out)
		dmem_rdma_build_sink(conn, wr++);
	conn->wrs[wr - 1].wr.next = NULL;
	conn->wrs[wr - 1].wr.send_flags |= IB_SEND_SIGNALED;

	list_del(&part->queue);
	list_move_tail(&request->list, &conn->inflight);
	request->nr_wrs = nr_wrs;
	conn->nr_free_wrs -= nr_wrs;
	conn->inflight_pages += io->nr_pages;
	if (ib_post_send(conn->link.id->qp, &conn->wrs[0].wr, NULL))
		dmem_rdma_break(conn->link.donor, "a queue takes no request");
	return true;
}

/* Post what waits, as far as there is room for it. conn->lock is held. */
static void dmem_rdma_pump(struct dmem_rdma_conn *conn)
{
	while (!list_empty(&conn->waiting) && !list_empty(&conn->free)) {
		struct dmem_io_part *part = list_first_entry(&conn->waiting, struct dmem_io_part,
							     queue);
		u16 nr_wrs = dmem_rdma_count_wrs(conn, part->io);

		if (nr_wrs > conn->nr_free_wrs)
			return;
		if (part->io->out && conn->inflight_pages &&
		    conn->inflight_pages + part->io->nr_pages > DMEM_RDMA_WRITE_PAGES)
			return;
		if (dmem_rdma_post(conn, list_first_entry(&conn->free, struct dmem_rdma_request,
							  list), part, nr_wrs))
			continue;
		/* The next completion tries again; where none will come, a new session does. */
		if (list_empty(&conn->inflight))
			dmem_rdma_break(conn->link.donor, "a page cannot be mapped for DMA");
		return;
	}
}

/**
 * dmem_rdma_conn_queue - send a part on its way
 * @conn: by this connection
 * @part: with place and slot set
 *
 * Return: false when the connection is closed: nothing has been done.
 */
bool dmem_rdma_conn_queue(struct dmem_rdma_conn *conn, struct dmem_io_part *part)
{
	bool open;

	spin_lock_bh(&conn->lock);
	open = conn->open;
	if (open) {
		list_add_tail(&part->queue, &conn->waiting);
		dmem_rdma_pump(conn);
	}
	spin_unlock_bh(&conn->lock);
	return open;
}

/* When the oldest request of a connection is due; U64_MAX: there is none. */
u64 dmem_rdma_conn_oldest(struct dmem_rdma_conn *conn)
{
	u64 due_ns = U64_MAX;

	spin_lock_bh(&conn->lock);
	if (!list_empty(&conn->inflight))
		due_ns = list_first_entry(&conn->inflight, struct dmem_rdma_request,
					  list)->part->io->due_ns;
	if (!list_empty(&conn->waiting))
		due_ns = min(due_ns, list_first_entry(&conn->waiting, struct dmem_io_part,
						      queue)->io->due_ns);
	spin_unlock_bh(&conn->lock);
	return due_ns;
}

static void dmem_rdma_completed(struct ib_cq *cq, struct ib_wc *wc)
{
	struct dmem_rdma_request *request = container_of(wc->wr_cqe, struct dmem_rdma_request, cqe);
	struct dmem_rdma_conn *conn = cq->cq_context;
	struct dmem_io_part *part = request->part;

	static_assert(!offsetof(struct dmem_rdma_conn, link));
	if (wc->status != IB_WC_SUCCESS) {
		if (wc->status != IB_WC_WR_FLUSH_ERR)
			pr_notice_ratelimited("%s: %s of %u pages: %s\n", conn->link.donor->name,
					      part->io->out ? "WRITE" : "READ", part->io->nr_pages,
					      ib_wc_status_msg(wc->status));
		dmem_rdma_break(conn->link.donor, "a request has failed");
		return;
	}
	dmem_rdma_unmap(conn, request, part->io->nr_pages);
	spin_lock_bh(&conn->lock);
	conn->nr_free_wrs += request->nr_wrs;
	conn->inflight_pages -= part->io->nr_pages;
	list_move_tail(&request->list, &conn->free);
	if (conn->open)
		dmem_rdma_pump(conn);
	spin_unlock_bh(&conn->lock);
	dmem_rdma_settle(part);
}

/* Requests of a session; the queue pair is there and the connection closed. */
static int dmem_rdma_conn_alloc(struct dmem_rdma_conn *conn, unsigned int nr)
{
	struct ib_device *device = conn->link.id->device;
	unsigned int i;

	conn->requests = kvcalloc(nr, sizeof(*conn->requests), GFP_KERNEL);
	conn->wrs = kcalloc(DMEM_IO_MAX_PAGES + 2, sizeof(*conn->wrs), GFP_KERNEL);
	conn->sges = kcalloc(DMEM_IO_MAX_PAGES + 1, sizeof(*conn->sges), GFP_KERNEL);
	if (!conn->requests || !conn->wrs || !conn->sges)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		conn->requests[i].cqe.done = dmem_rdma_completed;
		list_add_tail(&conn->requests[i].list, &conn->free);
	}
	if (!conn->writes || !rdma_protocol_iwarp(device, conn->link.id->port_num))
		return 0;
	conn->sink = kzalloc(sizeof(*conn->sink), GFP_KERNEL);
	if (!conn->sink)
		return -ENOMEM;
	conn->sink_dma = ib_dma_map_single(device, conn->sink, sizeof(*conn->sink),
					   DMA_FROM_DEVICE);
	if (!ib_dma_mapping_error(device, conn->sink_dma))
		return 0;
	kfree(conn->sink);
	conn->sink = NULL;
	return -ENOMEM;
}

static void dmem_rdma_conn_free(struct dmem_rdma_conn *conn)
{
	if (conn->sink)
		ib_dma_unmap_single(conn->link.id->device, conn->sink_dma, sizeof(*conn->sink),
				    DMA_FROM_DEVICE);
	kfree(conn->sink);
	kvfree(conn->requests);
	kfree(conn->wrs);
	kfree(conn->sges);
	conn->sink = NULL;
	conn->requests = NULL;
	conn->wrs = NULL;
	conn->sges = NULL;
	INIT_LIST_HEAD(&conn->free);
}

/* What the request and the reply of a data connection prove. */
static int dmem_rdma_join_proof(struct dmem_rdma_donor *donor, const char *label,
				struct dmem_wire_cm *cm, u8 *mac)
{
	struct kvec part = {
		.iov_base = cm,
		.iov_len = offsetof(struct dmem_wire_cm, proof),
	};

	return dmem_rdma_mac(donor, donor->session_key, label, &part, 1, mac);
}

static int dmem_rdma_join(struct dmem_rdma_conn *conn, u16 index)
{
	struct dmem_rdma_donor *donor = conn->link.donor;
	u8 joined[DMEM_WIRE_MAC_BYTES];
	struct dmem_wire_cm cm;
	int err;

	dmem_rdma_wire_cm(&cm, DMEM_WIRE_DATA);
	cm.session = donor->session;
	cm.index = cpu_to_le16(index);
	cm.attempt = cpu_to_le32(++donor->attempt);
	err = dmem_rdma_join_proof(donor, DMEM_WIRE_LABEL_JOIN, &cm, cm.proof);
	if (!err)
		err = dmem_rdma_link_connect(&conn->link, &cm);
	if (!err)
		err = dmem_rdma_join_proof(donor, DMEM_WIRE_LABEL_JOINED, &conn->link.reply,
					   joined);
	if (err)
		return err;
	return crypto_memneq(joined, conn->link.reply.proof, sizeof(joined)) ? -EACCES : 0;
}

static int dmem_rdma_conn_open(struct dmem_rdma_conn *conn, u16 index)
{
	struct ib_qp_cap cap = {};
	struct ib_device *device;
	int err, sges;

	err = dmem_rdma_link_resolve(&conn->link);
	if (err)
		return err;
	device = conn->link.id->device;
	if (device != conn->link.donor->control->link.id->device)
		return -EXDEV;
	/* A connection for writes has READs as well where it is the only one. */
	sges = clamp_t(int, device->attrs.max_send_sge, 1, DMEM_RDMA_SGES);
	if (device->attrs.max_sge_rd && !(conn->writes && conn->link.donor->nr_fetch))
		sges = min_t(int, sges, device->attrs.max_sge_rd);
	conn->max_sges = sges;
	conn->nr_free_wrs = clamp_t(int, device->attrs.max_qp_wr - 1, 1, DMEM_RDMA_WRS);
	conn->inflight_pages = 0;
	if (conn->nr_free_wrs < DMEM_IO_MAX_PAGES + 1)
		return -EOPNOTSUPP;
	cap.max_send_wr = conn->nr_free_wrs;
	cap.max_send_sge = conn->max_sges;
	err = dmem_rdma_link_queues(&conn->link, cap, index, IB_POLL_SOFTIRQ);
	if (err)
		return err;
	err = dmem_rdma_conn_alloc(conn, conn->writes ? DMEM_RDMA_WRITE_REQUESTS :
							DMEM_RDMA_FETCH_REQUESTS);
	return err ?: dmem_rdma_join(conn, index);
}

/**
 * dmem_rdma_conns_open - the data connections of a session, closed for requests
 * @donor: its session has begun; the caller closes them, come what may
 * @nr: how many the donor takes, at least one
 *
 * Return: 0 or a negative errno.
 */
int dmem_rdma_conns_open(struct dmem_rdma_donor *donor, unsigned int nr)
{
	struct dmem_rdma_conn *writes = &donor->conns[DMEM_RDMA_FETCH_CONNS];
	unsigned int i, most = min_t(unsigned int, num_online_cpus(), DMEM_RDMA_FETCH_CONNS);
	int err;

	WRITE_ONCE(donor->nr_fetch, min(nr - DMEM_RDMA_WRITE_CONNS, most));
	for (i = 0; i < donor->nr_fetch; i++) {
		err = dmem_rdma_conn_open(&donor->conns[i], i);
		if (err)
			return err;
	}
	writes->writes = true;
	return dmem_rdma_conn_open(writes, donor->nr_fetch);
}

/* From now on they take requests, or take none; what they have stays. */
void dmem_rdma_conns_allow(struct dmem_rdma_donor *donor, bool open)
{
	unsigned int i;

	for (i = 0; i < DMEM_RDMA_CONNS; i++) {
		struct dmem_rdma_conn *conn = &donor->conns[i];

		spin_lock_bh(&conn->lock);
		conn->open = open && conn->link.cq;
		spin_unlock_bh(&conn->lock);
	}
}

/* Parts that are not done, oldest first; nobody else has them: the queue has been drained. */
static void dmem_rdma_conn_collect(struct dmem_rdma_conn *conn, struct list_head *parts)
{
	struct dmem_rdma_request *request, *next;

	list_for_each_entry_safe(request, next, &conn->inflight, list) {
		dmem_rdma_unmap(conn, request, request->part->io->nr_pages);
		list_add_tail(&request->part->queue, parts);
		list_del(&request->list);
	}
	list_splice_tail_init(&conn->waiting, parts);
}

/**
 * dmem_rdma_conns_close - close data connections
 * @donor: they take no requests any more
 * @parts: takes what was not done
 *
 * Until a queue has been drained its pages are the device's: nothing is given back before.
 */
void dmem_rdma_conns_close(struct dmem_rdma_donor *donor, struct list_head *parts)
{
	unsigned int i;

	for (i = 0; i < DMEM_RDMA_CONNS; i++)
		dmem_rdma_link_drain(&donor->conns[i].link);
	for (i = 0; i < DMEM_RDMA_CONNS; i++) {
		struct dmem_rdma_conn *conn = &donor->conns[i];

		if (!conn->link.id)
			continue;
		dmem_rdma_link_destroy_queues(&conn->link);
		dmem_rdma_conn_collect(conn, parts);
		dmem_rdma_conn_free(conn);
		dmem_rdma_link_destroy_id(&conn->link);
	}
}
