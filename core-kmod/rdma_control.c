// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_control.c - the control connection: one request and its answer at a time.
 *
 * Requests are made under donor->mutex. What comes is handled in a workqueue: copied out of its
 * buffer, checked, and taken only if it is the answer that is waited for; anything else ends the
 * session. control->lock guards the answer.
 */
#include <linux/slab.h>

#include "rdma.h"
#include "wire_check.h"

#define DMEM_RDMA_RING_SLOTS	(4 * DMEM_WIRE_WINDOW)
#define DMEM_RDMA_RING_BYTES	(DMEM_RDMA_RING_SLOTS * DMEM_WIRE_MSG_BYTES)

static u64 dmem_rdma_ring_dma(struct dmem_rdma_control *control, unsigned int slot)
{
	return control->ring_dma + slot * DMEM_WIRE_MSG_BYTES;
}

/* Private data of a connection request, but for what is DATA's alone. */
void dmem_rdma_wire_cm(struct dmem_wire_cm *cm, u16 purpose)
{
	memset(cm, 0, sizeof(*cm));
	cm->magic = cpu_to_le32(DMEM_WIRE_MAGIC);
	cm->version = cpu_to_le16(DMEM_WIRE_VERSION);
	cm->purpose = cpu_to_le16(purpose);
}

/* The donor has said no; @reason is checked text. */
void dmem_rdma_refusal(struct dmem_rdma_donor *donor, u16 code, const char *reason)
{
	strscpy(donor->reason, reason, sizeof(donor->reason));
	WRITE_ONCE(donor->refused, code);
}

static int dmem_rdma_post_recv(struct dmem_rdma_control *control, struct dmem_rdma_recv *recv)
{
	struct ib_sge sge = {
		.addr = dmem_rdma_ring_dma(control, recv->slot),
		.length = DMEM_WIRE_MSG_BYTES,
		.lkey = control->link.donor->pd->local_dma_lkey,
	};
	struct ib_recv_wr wr = {
		.wr_cqe = &recv->cqe,
		.sg_list = &sge,
		.num_sge = 1,
	};

	return ib_post_recv(control->link.id->qp, &wr, NULL);
}

/* Take a message that has been checked. NULL, or why it ends the session. */
static const char *dmem_rdma_take(struct dmem_rdma_control *control, const union dmem_wire_msg *msg)
{
	u16 type = le16_to_cpu(msg->header.type);
	bool error = type == DMEM_WIRE_ERROR, fatal;
	bool ours = le32_to_cpu(msg->header.seq) == control->seq;

	fatal = error && le16_to_cpu(msg->error.flags) & DMEM_WIRE_F_FATAL;
	if (error)
		dmem_rdma_refusal(control->link.donor, le32_to_cpu(msg->error.code),
				  msg->error.reason);
	if (fatal && !ours)
		return "the donor has ended the session";
	if (!control->want || control->answered || !ours || (type != control->want && !error))
		return "the donor has sent what nobody asked for";
	control->answer = *msg;
	control->answered = true;
	return fatal ? "the donor has refused a request and ended the session" : NULL;
}

static void dmem_rdma_received(struct ib_cq *cq, struct ib_wc *wc)
{
	struct dmem_rdma_recv *recv = container_of(wc->wr_cqe, struct dmem_rdma_recv, cqe);
	struct dmem_rdma_control *control = cq->cq_context;
	struct dmem_rdma_donor *donor = control->link.donor;
	union dmem_wire_msg msg;
	const char *why;

	static_assert(!offsetof(struct dmem_rdma_control, link));
	if (wc->status != IB_WC_SUCCESS) {
		if (wc->status != IB_WC_WR_FLUSH_ERR)
			dmem_rdma_break(donor, "the control connection has failed");
		return;
	}
	ib_dma_sync_single_for_cpu(cq->device, dmem_rdma_ring_dma(control, recv->slot),
				   DMEM_WIRE_MSG_BYTES, DMA_BIDIRECTIONAL);
	msg = control->ring[recv->slot];
	ib_dma_sync_single_for_device(cq->device, dmem_rdma_ring_dma(control, recv->slot),
				      DMEM_WIRE_MSG_BYTES, DMA_BIDIRECTIONAL);
	if (dmem_rdma_post_recv(control, recv))
		dmem_rdma_break(donor, "the control connection takes no receive");

	if (dmem_wire_check(&msg, wc->byte_len, DMEM_WIRE_DONOR, &why) == DMEM_WIRE_OK) {
		spin_lock_bh(&control->lock);
		WRITE_ONCE(control->heard, jiffies);
		why = dmem_rdma_take(control, &msg);
		spin_unlock_bh(&control->lock);
	}
	if (why)
		dmem_rdma_break(donor, why);
	wake_up_all(&donor->wait);
}

static void dmem_rdma_sent(struct ib_cq *cq, struct ib_wc *wc)
{
	struct dmem_rdma_control *control = cq->cq_context;

	if (wc->status != IB_WC_SUCCESS && wc->status != IB_WC_WR_FLUSH_ERR)
		dmem_rdma_break(control->link.donor, "the donor does not take our messages");
}

/* Of a ring that many times as long as may be unanswered: what was there has long been sent. */
static int dmem_rdma_send(struct dmem_rdma_control *control, const union dmem_wire_msg *msg)
{
	unsigned int slot = 2 * DMEM_WIRE_WINDOW + control->seq % (2 * DMEM_WIRE_WINDOW);
	struct ib_device *device = control->link.id->device;
	struct ib_sge sge = {
		.addr = dmem_rdma_ring_dma(control, slot),
		.length = DMEM_WIRE_MSG_BYTES,
		.lkey = control->link.donor->pd->local_dma_lkey,
	};
	struct ib_send_wr wr = {
		.wr_cqe = &control->sent,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IB_WR_SEND,
		.send_flags = IB_SEND_SIGNALED,
	};

	ib_dma_sync_single_for_cpu(device, sge.addr, sge.length, DMA_BIDIRECTIONAL);
	control->ring[slot] = *msg;
	ib_dma_sync_single_for_device(device, sge.addr, sge.length, DMA_BIDIRECTIONAL);
	return ib_post_send(control->link.id->qp, &wr, NULL);
}

/* A session is not given up because the pool is being closed: it has to be left in order. */
static bool dmem_rdma_is_answered(struct dmem_rdma_control *control)
{
	struct dmem_rdma_donor *donor = control->link.donor;
	bool answered;

	spin_lock_bh(&control->lock);
	answered = control->answered;
	spin_unlock_bh(&control->lock);
	return answered || test_bit(DMEM_RDMA_BROKEN, &donor->flags) ||
	       (!donor->has_session && dmem_rdma_is_over(donor));
}

static int dmem_rdma_await(struct dmem_rdma_donor *donor, unsigned int timeout_ms)
{
	struct dmem_rdma_control *control = donor->control;
	unsigned int late_ms = donor->renew_ms;

	if (late_ms && late_ms < timeout_ms) {
		if (wait_event_timeout(donor->wait, dmem_rdma_is_answered(control),
				       msecs_to_jiffies(late_ms)))
			return 0;
		dmem_rdma_suspect(donor, "an answer", late_ms);
		timeout_ms -= late_ms;
	}
	return wait_event_timeout(donor->wait, dmem_rdma_is_answered(control),
				  msecs_to_jiffies(timeout_ms)) ? 0 : -ETIMEDOUT;
}

/**
 * dmem_rdma_call - a request to the donor, and its answer
 * @donor: its mutex is held; the control connection is there
 * @msg: the request, but for its header, which is filled in; takes the answer
 * @type: of the request
 * @answer: type of the answer
 * @timeout_ms: longest to wait; the session is broken then
 *
 * Return: 0; -EREMOTEIO when the donor refused, donor->refused and ->reason say why; or another
 * negative errno: the session is broken.
 */
int dmem_rdma_call(struct dmem_rdma_donor *donor, union dmem_wire_msg *msg, u16 type,
		   u16 answer, unsigned int timeout_ms)
{
	struct dmem_rdma_control *control = donor->control;
	int err;

	donor->refused = 0;
	spin_lock_bh(&control->lock);
	msg->header.magic = cpu_to_le32(DMEM_WIRE_MAGIC);
	msg->header.version = cpu_to_le16(DMEM_WIRE_VERSION);
	msg->header.type = cpu_to_le16(type);
	msg->header.seq = cpu_to_le32(++control->seq);
	control->want = answer;
	control->answered = false;
	spin_unlock_bh(&control->lock);

	err = dmem_rdma_send(control, msg);
	if (!err)
		err = dmem_rdma_await(donor, timeout_ms);
	if (err)
		dmem_rdma_break(donor, "the donor does not answer");
	spin_lock_bh(&control->lock);
	if (!err && !control->answered)
		err = -ECONNRESET;
	if (!err)
		*msg = control->answer;
	control->want = 0;
	spin_unlock_bh(&control->lock);
	if (donor->refused)
		return -EREMOTEIO;
	return err;
}

static int dmem_rdma_ring_init(struct dmem_rdma_control *control)
{
	struct ib_device *device = control->link.id->device;
	unsigned int i;
	u64 dma;

	control->ring = kzalloc(DMEM_RDMA_RING_BYTES, GFP_KERNEL);
	if (!control->ring)
		return -ENOMEM;
	dma = ib_dma_map_single(device, control->ring, DMEM_RDMA_RING_BYTES, DMA_BIDIRECTIONAL);
	if (ib_dma_mapping_error(device, dma)) {
		kfree(control->ring);
		control->ring = NULL;
		return -ENOMEM;
	}
	control->ring_dma = dma;
	for (i = 0; i < ARRAY_SIZE(control->recv); i++) {
		int err;

		control->recv[i].cqe.done = dmem_rdma_received;
		control->recv[i].slot = i;
		err = dmem_rdma_post_recv(control, &control->recv[i]);
		if (err)
			return err;
	}
	return 0;
}

/* The control connection of a new session; the caller closes it, come what may. */
int dmem_rdma_control_open(struct dmem_rdma_donor *donor)
{
	static const struct ib_qp_cap cap = {
		.max_send_wr = 2 * DMEM_WIRE_WINDOW,
		.max_recv_wr = 2 * DMEM_WIRE_WINDOW,
		.max_send_sge = 1,
		.max_recv_sge = 1,
	};
	struct dmem_rdma_control *control = kzalloc(sizeof(*control), GFP_KERNEL);
	struct dmem_wire_cm cm;
	struct ib_pd *pd;
	int err;

	if (!control)
		return -ENOMEM;
	control->link.donor = donor;
	spin_lock_init(&control->lock);
	control->sent.done = dmem_rdma_sent;
	donor->control = control;
	err = dmem_rdma_link_resolve(&control->link);
	if (err)
		return err;
	pd = ib_alloc_pd(control->link.id->device, 0);
	if (IS_ERR(pd))
		return PTR_ERR(pd);
	donor->pd = pd;
	err = dmem_rdma_link_queues(&control->link, cap, 0, IB_POLL_WORKQUEUE);
	if (err)
		return err;
	err = dmem_rdma_ring_init(control);
	if (err)
		return err;
	dmem_rdma_wire_cm(&cm, DMEM_WIRE_CONTROL);
	return dmem_rdma_link_connect(&control->link, &cm);
}

/* Last of a session: the protection domain goes before the id, which holds the device. */
void dmem_rdma_control_close(struct dmem_rdma_donor *donor)
{
	struct dmem_rdma_control *control = donor->control;

	if (!control)
		return;
	dmem_rdma_link_drain(&control->link);
	dmem_rdma_link_destroy_queues(&control->link);
	if (control->ring)
		ib_dma_unmap_single(control->link.id->device, control->ring_dma,
				    DMEM_RDMA_RING_BYTES, DMA_BIDIRECTIONAL);
	kfree(control->ring);
	if (donor->pd)
		ib_dealloc_pd(donor->pd);
	donor->pd = NULL;
	dmem_rdma_link_destroy_id(&control->link);
	kfree(control);
	donor->control = NULL;
}
