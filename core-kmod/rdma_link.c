// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_link.c - a connection to a donor as such: its id, its queues, its end.
 *
 * Called under donor->mutex, in process context. The CM's events only set the link's status or
 * break the session; they return 0, so that an id is destroyed here and nowhere else.
 */
#include "rdma.h"
#include "wire_check.h"

/*
 * 4.096 us * 2^16 = 0.27 s, and seven tries: a fabric that is silent breaks a connection after two
 * seconds. Hardware may take up to four times as long. Seven retries are no end of them for
 * soft-RoCE, as they are for any device where it is the receiver that is not ready.
 */
#define DMEM_RDMA_ACK_TIMEOUT	16
#define DMEM_RDMA_RETRIES	6
#define DMEM_RDMA_RNR_RETRIES	7
/* READs that a queue pair may have under way at the donor. */
#define DMEM_RDMA_READ_DEPTH	16

/**
 * dmem_rdma_break - the session with a donor is over
 * @donor: its work tears it down; any context but hard interrupt
 * @why: a constant sentence for the log
 */
void dmem_rdma_break(struct dmem_rdma_donor *donor, const char *why)
{
	cmpxchg(&donor->why, NULL, why);
	if (test_and_set_bit(DMEM_RDMA_BROKEN, &donor->flags))
		return;
	mod_delayed_work(donor->rdma->wq, &donor->work, 0);
	wake_up_all(&donor->wait);
}

/* Nothing of the session is worth waiting for any more. */
bool dmem_rdma_is_over(struct dmem_rdma_donor *donor)
{
	return test_bit(DMEM_RDMA_BROKEN, &donor->flags) ||
	       test_bit(DMEM_RDMA_STOP, &donor->flags);
}

static void dmem_rdma_link_step(struct dmem_rdma_link *link, int status)
{
	WRITE_ONCE(link->status, status);
	wake_up_all(&link->donor->wait);
}

/*
 * rdma_consumer_reject_data() is not asked: it goes by the status, and siw has another one for a
 * refusal than iWARP's helper expects. The check tells a refusal from what else may be there.
 */
static void dmem_rdma_link_rejected(struct dmem_rdma_link *link, struct rdma_cm_event *event)
{
	const struct rdma_conn_param *param = &event->param.conn;
	struct dmem_wire_reject reject;

	if (param->private_data && param->private_data_len >= sizeof(reject)) {
		memcpy(&reject, param->private_data, sizeof(reject));
		if (dmem_wire_check_reject(&reject, param->private_data_len))
			dmem_rdma_refusal(link->donor, le16_to_cpu(reject.code), reject.reason);
	}
	dmem_rdma_link_step(link, -ECONNREFUSED);
}

static void dmem_rdma_link_established(struct dmem_rdma_link *link, struct rdma_cm_event *event)
{
	const struct rdma_conn_param *param = &event->param.conn;

	link->reply_len = min_t(u8, param->private_data_len, sizeof(link->reply));
	if (link->reply_len)
		memcpy(&link->reply, param->private_data, link->reply_len);
	WRITE_ONCE(link->made, true);
	dmem_rdma_link_step(link, 1);
}

/* Of a connection that was made; nothing new where it is we who disconnect. */
static void dmem_rdma_link_ended(struct dmem_rdma_link *link, const char *why)
{
	if (READ_ONCE(link->closing))
		return;
	dmem_rdma_break(link->donor, why);
	dmem_rdma_link_step(link, -ECONNRESET);
}

static int dmem_rdma_link_event(struct rdma_cm_id *id, struct rdma_cm_event *event)
{
	struct dmem_rdma_link *link = id->context;

	switch (event->event) {
	case RDMA_CM_EVENT_ADDR_RESOLVED:
	case RDMA_CM_EVENT_ROUTE_RESOLVED:
		dmem_rdma_link_step(link, 1);
		break;
	case RDMA_CM_EVENT_ESTABLISHED:
		dmem_rdma_link_established(link, event);
		break;
	case RDMA_CM_EVENT_REJECTED:
		/* So ends what the donor has closed before it heard that it was made. */
		if (READ_ONCE(link->made))
			dmem_rdma_link_ended(link, "the donor has closed a connection");
		else
			dmem_rdma_link_rejected(link, event);
		break;
	case RDMA_CM_EVENT_ADDR_ERROR:
	case RDMA_CM_EVENT_ROUTE_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_CONNECT_ERROR:
		if (READ_ONCE(link->made))
			dmem_rdma_link_ended(link, "the donor is out of reach");
		else
			dmem_rdma_link_step(link, -EHOSTUNREACH);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
		dmem_rdma_link_ended(link, "the donor has closed a connection");
		break;
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		dmem_rdma_break(link->donor, "the RDMA device goes");
		dmem_rdma_link_step(link, -ENODEV);
		break;
	case RDMA_CM_EVENT_ADDR_CHANGE:
		dmem_rdma_break(link->donor, "the address has moved to another device");
		break;
	default:
		break;
	}
	return 0;
}

/* Wait for the step that is under way: a little longer than the CM takes to say that it failed. */
static int dmem_rdma_link_wait(struct dmem_rdma_link *link)
{
	wait_event_timeout(link->donor->wait,
			   READ_ONCE(link->status) || dmem_rdma_is_over(link->donor),
			   msecs_to_jiffies(DMEM_RDMA_STEP_MS + DMEM_RDMA_STEP_MS / 4));
	if (link->status < 0)
		return link->status;
	if (dmem_rdma_is_over(link->donor))
		return -ECONNABORTED;
	return link->status ? 0 : -ETIMEDOUT;
}

/* An id for the donor's address, with the device that leads there. */
int dmem_rdma_link_resolve(struct dmem_rdma_link *link)
{
	struct dmem_rdma_donor *donor = link->donor;
	struct rdma_cm_id *id;
	int err;

	id = rdma_create_id(donor->rdma->net, dmem_rdma_link_event, link, RDMA_PS_TCP, IB_QPT_RC);
	if (IS_ERR(id))
		return PTR_ERR(id);
	link->id = id;
	WRITE_ONCE(link->made, false);
	WRITE_ONCE(link->closing, false);
	rdma_set_ack_timeout(id, DMEM_RDMA_ACK_TIMEOUT);
	link->status = 0;
	err = rdma_resolve_addr(id, NULL, (struct sockaddr *)&donor->addr, DMEM_RDMA_STEP_MS);
	if (!err)
		err = dmem_rdma_link_wait(link);
	if (err)
		return err;
	link->status = 0;
	err = rdma_resolve_route(id, DMEM_RDMA_STEP_MS);
	return err ?: dmem_rdma_link_wait(link);
}

static void dmem_rdma_qp_event(struct ib_event *event, void *link)
{
	switch (event->event) {
	case IB_EVENT_QP_FATAL:
	case IB_EVENT_QP_REQ_ERR:
	case IB_EVENT_QP_ACCESS_ERR:
		dmem_rdma_break(((struct dmem_rdma_link *)link)->donor,
				"a queue pair has failed");
		break;
	default:
		break;
	}
}

/**
 * dmem_rdma_link_queues - a queue pair and its completion queue
 * @link: resolved
 * @cap: how deep; room to drain is added
 * @vector: completion vector, modulo what the device has
 * @context: where completions run; the completion queue's context is the link
 *
 * Return: 0 or a negative errno.
 */
int dmem_rdma_link_queues(struct dmem_rdma_link *link, struct ib_qp_cap cap, int vector,
			  enum ib_poll_context context)
{
	struct ib_device *device = link->id->device;
	struct ib_qp_init_attr attr = {
		.event_handler = dmem_rdma_qp_event,
		.qp_context = link,
		.cap = cap,
		.sq_sig_type = IB_SIGNAL_REQ_WR,
		.qp_type = IB_QPT_RC,
	};
	struct ib_cq *cq;
	int err;

	attr.cap.max_send_wr++;
	attr.cap.max_recv_wr++;
	cq = ib_alloc_cq(device, link, attr.cap.max_send_wr + attr.cap.max_recv_wr,
			 vector % device->num_comp_vectors, context);
	if (IS_ERR(cq))
		return PTR_ERR(cq);
	attr.send_cq = cq;
	attr.recv_cq = cq;
	err = rdma_create_qp(link->id, link->donor->pd, &attr);
	if (err) {
		ib_free_cq(cq);
		return err;
	}
	link->cq = cq;
	return 0;
}

/**
 * dmem_rdma_link_connect - connect, with our private data
 * @link: with its queues; takes the donor's private data
 * @cm: ours
 *
 * Return: 0; -ECONNREFUSED, with donor->refused set where the donor itself refused; or another
 * negative errno.
 */
int dmem_rdma_link_connect(struct dmem_rdma_link *link, const struct dmem_wire_cm *cm)
{
	struct rdma_conn_param param = {
		.private_data = cm,
		.private_data_len = sizeof(*cm),
		.responder_resources = 1,
		.initiator_depth = min_t(int, link->id->device->attrs.max_qp_init_rd_atom,
					 DMEM_RDMA_READ_DEPTH),
		.retry_count = DMEM_RDMA_RETRIES,
		.rnr_retry_count = DMEM_RDMA_RNR_RETRIES,
	};
	const char *reason;
	int err;

	link->status = 0;
	link->reply_len = 0;
	err = rdma_connect(link->id, &param);
	if (!err)
		err = dmem_rdma_link_wait(link);
	if (err)
		return err;
	if (dmem_wire_check_cm(&link->reply, link->reply_len, &reason) != DMEM_WIRE_OK) {
		dmem_rdma_break(link->donor, reason);
		return -EPROTO;
	}
	/* All but the proof is the request's. */
	if (!memcmp(&link->reply, cm, offsetof(struct dmem_wire_cm, proof)))
		return 0;
	dmem_rdma_break(link->donor, "the donor has accepted another connection");
	return -EPROTO;
}

/* After this nothing of the link's queue is with the device, and no completion is under way. */
void dmem_rdma_link_drain(struct dmem_rdma_link *link)
{
	if (!link->cq)
		return;
	WRITE_ONCE(link->closing, true);
	rdma_disconnect(link->id);
	ib_drain_qp(link->id->qp);
}

void dmem_rdma_link_destroy_queues(struct dmem_rdma_link *link)
{
	if (!link->cq)
		return;
	rdma_destroy_qp(link->id);
	ib_free_cq(link->cq);
	link->cq = NULL;
}

/* The device may be gone once the last id on it is. */
void dmem_rdma_link_destroy_id(struct dmem_rdma_link *link)
{
	if (link->id)
		rdma_destroy_id(link->id);
	link->id = NULL;
}
