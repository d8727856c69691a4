// SPDX-License-Identifier: GPL-2.0
/*
 * connection.c - control connections, on which both ends send, and data connections, on which the
 * client alone works. Each session's regions and data connections have a domain of their own; its
 * control connection is in the device's, where no extent can be reached.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fabric.h"
#include "log.h"

/* A hostile client can send as fast as it is answered: others come in between. */
#define POLL_MAX	64
#define POLL_AT_ONCE	16
#define HANG_UP_MS	1000
#define SEND_FLAG	0x100
#define LAST_SEND	(CONTROL_SENDS - 1)

static union dmem_wire_msg *recv_buffer(const struct connection *connection, unsigned int index)
{
	return &connection->buffers[index];
}

static union dmem_wire_msg *send_buffer(const struct connection *connection, unsigned int index)
{
	return &connection->buffers[CONTROL_RECVS + index];
}

static int post_recv(struct connection *connection, unsigned int index)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)recv_buffer(connection, index),
		.length = DMEM_WIRE_MSG_BYTES,
		.lkey = connection->mr->lkey,
	};
	struct ibv_recv_wr wr = { .wr_id = index, .sg_list = &sge, .num_sge = 1 }, *bad;

	return ibv_post_recv(connection->endpoint.id->qp, &wr, &bad);
}

static void post_send(struct connection *connection, unsigned int index,
		      const union dmem_wire_msg *msg)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)send_buffer(connection, index),
		.length = DMEM_WIRE_MSG_BYTES,
		.lkey = connection->mr->lkey,
	};
	struct ibv_send_wr wr = {
		.wr_id = SEND_FLAG | index,
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
	}, *bad;

	if (!connection->cq || connection->endpoint.broken)
		return;
	*send_buffer(connection, index) = *msg;
	if (ibv_post_send(connection->endpoint.id->qp, &wr, &bad))
		connection->endpoint.broken = true;
	else
		connection->sending |= 1U << index;
}

bool transport_can_send(const struct session *session)
{
	const uint32_t all = (1U << LAST_SEND) - 1;

	return (session->connection->sending & all) != all;
}

void transport_send(struct session *session, const union dmem_wire_msg *msg)
{
	struct connection *connection = session->connection;

	if (transport_can_send(session))
		post_send(connection, __builtin_ctz(~connection->sending), msg);
	else
		connection->endpoint.broken = true;
}

void transport_send_last(struct session *session, const union dmem_wire_msg *msg)
{
	if (!(session->connection->sending & 1U << LAST_SEND))
		post_send(session->connection, LAST_SEND, msg);
}

static void received(struct connection *connection, const struct ibv_wc *wc)
{
	/* Into memory of our own: what the device can write to is checked no byte of. */
	union dmem_wire_msg msg = *recv_buffer(connection, wc->wr_id);
	size_t len = wc->opcode == IBV_WC_RECV ? wc->byte_len : 0;

	if (len > sizeof(msg))
		len = 0;
	memset(msg.bytes + len, 0, sizeof(msg) - len);
	if (post_recv(connection, wc->wr_id))
		connection->endpoint.broken = true;
	session_receive(connection->session, &msg, len);
}

static void completed(struct connection *connection, const struct ibv_wc *wc)
{
	if (wc->wr_id & SEND_FLAG)
		connection->sending &= ~(1U << (wc->wr_id & ~(uint64_t)SEND_FLAG));
	if (wc->status == IBV_WC_SUCCESS) {
		if (!(wc->wr_id & SEND_FLAG))
			received(connection, wc);
		return;
	}
	connection->endpoint.broken = true;
	/* Nothing else fails a receive whose queue pair works; devices call it differently. */
	if (!(wc->wr_id & SEND_FLAG) && wc->status != IBV_WC_WR_FLUSH_ERR)
		session_fail(connection->session, NULL, DMEM_WIRE_MALFORMED,
			     "longer than a message");
}

void control_poll(struct connection *connection)
{
	struct ibv_wc wc[POLL_AT_ONCE];
	int nr, i, all = 0;

	connection->again = false;
	while (all < POLL_MAX && (nr = ibv_poll_cq(connection->cq, POLL_AT_ONCE, wc)) > 0) {
		for (i = 0; i < nr; i++)
			completed(connection, &wc[i]);
		all += nr;
	}
	connection->again = all >= POLL_MAX;
	session_pump(connection->session);
}

void transport_poll(struct session *session)
{
	if (session->connection->cq)
		control_poll(session->connection);
}

void transport_hang_up(struct session *session)
{
	struct connection *connection = session->connection;

	if (connection->hanging_up)
		return;
	connection->hanging_up = true;
	connection->hang_up_ms = now_ms() + HANG_UP_MS;
}

int endpoint_accept(struct endpoint *endpoint, const struct rdma_conn_param *asked,
		    const struct dmem_wire_cm *reply)
{
	uint8_t reads_max = endpoint->control->device->reads_max;
	struct rdma_conn_param param = {
		.private_data = reply,
		.private_data_len = sizeof(*reply),
		/* The donor reads nothing of the client's. */
		.responder_resources = asked->responder_resources < reads_max ?
				       asked->responder_resources : reads_max,
		.initiator_depth = 0,
		.flow_control = 1,
		.rnr_retry_count = 7,
	};

	return rdma_accept(endpoint->id, &param);
}

static int make_control_qp(struct connection *connection)
{
	struct device *device = connection->device;
	struct ibv_qp_init_attr attr = {
		.qp_context = &connection->endpoint,
		.send_cq = connection->cq,
		.recv_cq = connection->cq,
		.cap = { .max_send_wr = CONTROL_SENDS, .max_recv_wr = CONTROL_RECVS,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};
	unsigned int i;

	if (ibv_req_notify_cq(connection->cq, 0) ||
	    rdma_create_qp(connection->endpoint.id, device->pd, &attr))
		return -1;
	for (i = 0; i < CONTROL_RECVS; i++) {
		if (post_recv(connection, i))
			return -1;
	}
	return 0;
}

static int make_control(struct connection *connection)
{
	const size_t bytes = (CONTROL_RECVS + CONTROL_SENDS) * sizeof(*connection->buffers);
	struct device *device = connection->device;

	connection->buffers = aligned_alloc(DMEM_WIRE_MSG_BYTES, bytes);
	if (!connection->buffers)
		return -1;
	memset(connection->buffers, 0, bytes);
	connection->mr = ibv_reg_mr(device->pd, connection->buffers, bytes, IBV_ACCESS_LOCAL_WRITE);
	if (!connection->mr)
		return -1;
	connection->cq = ibv_create_cq(device->verbs, CONTROL_RECVS + CONTROL_SENDS, connection,
				       device->channel, 0);
	return connection->cq ? make_control_qp(connection) : -1;
}

static void destroy_queues(struct connection *connection)
{
	if (connection->endpoint.id->qp)
		rdma_destroy_qp(connection->endpoint.id);
	if (connection->cq)
		ibv_destroy_cq(connection->cq);
	connection->cq = NULL;
	if (connection->mr)
		ibv_dereg_mr(connection->mr);
	connection->mr = NULL;
	free(connection->buffers);
	connection->buffers = NULL;
}

static struct connection *new_connection(struct fabric *fabric, struct rdma_cm_id *id)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	if (!connection)
		return NULL;
	connection->device = device_get(fabric, id->verbs);
	if (!connection->device) {
		free(connection);
		return NULL;
	}
	connection->fabric = fabric;
	connection->endpoint.id = id;
	connection->endpoint.control = connection;
	TAILQ_INIT(&connection->data);
	TAILQ_INSERT_TAIL(&fabric->connections, connection, entry);
	return connection;
}

/* All but the id, which is the caller's where a connection could not be made. */
static void free_connection(struct connection *connection)
{
	TAILQ_REMOVE(&connection->fabric->connections, connection, entry);
	device_put(connection->device);
	free(connection);
}

bool control_accept(struct fabric *fabric, struct rdma_cm_id *id, const char *peer,
		    const struct rdma_conn_param *asked, const struct dmem_wire_cm *cm)
{
	struct connection *connection = new_connection(fabric, id);
	int err;

	if (!connection)
		return false;
	if (make_control(connection) || endpoint_accept(&connection->endpoint, asked, cm))
		goto fail;
	connection->session = session_new(fabric->donor, peer, connection);
	if (!connection->session)
		goto fail;
	id->context = &connection->endpoint;
	return true;
fail:
	err = errno;
	destroy_queues(connection);
	free_connection(connection);
	errno = err;
	return false;
}

void control_close(struct connection *connection)
{
	/* That it failed may be known before what came ahead of that, or the message it was for. */
	control_poll(connection);
	rdma_disconnect(connection->endpoint.id);
	destroy_queues(connection);
	session_gone(connection->session);
}

void transport_free(struct session *session)
{
	struct connection *connection = session->connection;
	struct rdma_cm_id *id = connection->endpoint.id;

	free_connection(connection);
	rdma_destroy_id(id);
}

static struct endpoint *find_data(const struct connection *control, uint16_t index)
{
	struct endpoint *data;

	TAILQ_FOREACH(data, &control->data, entry) {
		if (data->index == index)
			return data;
	}
	return NULL;
}

static int make_data_qp(struct endpoint *data)
{
	struct connection *control = data->control;
	struct ibv_qp_init_attr attr = {
		.qp_context = data,
		.send_cq = control->device->idle_cq,
		.recv_cq = control->device->idle_cq,
		.cap = { .max_send_wr = 1, .max_recv_wr = 1, .max_send_sge = 1,
			 .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
	};

	return rdma_create_qp(data->id, control->pd, &attr);
}

bool data_accept(struct connection *control, struct rdma_cm_id *id,
		 const struct rdma_conn_param *asked, const struct dmem_wire_cm *cm)
{
	struct dmem_wire_cm reply = *cm;
	struct endpoint *data = find_data(control, dmem_le16(cm->index));

	if (data)
		data_close(data);
	data = calloc(1, sizeof(*data));
	if (!data)
		return false;
	data->id = id;
	data->control = control;
	data->is_data = true;
	data->index = dmem_le16(cm->index);
	dmem_wire_mac_cm(reply.proof, control->session->key, DMEM_WIRE_LABEL_JOINED, &reply);
	if (make_data_qp(data)) {
		free(data);
		return false;
	}
	if (endpoint_accept(data, asked, &reply)) {
		rdma_destroy_qp(id);
		free(data);
		return false;
	}
	id->context = data;
	TAILQ_INSERT_TAIL(&control->data, data, entry);
	control->session->nr_data_conns++;
	return true;
}

void data_close(struct endpoint *data)
{
	TAILQ_REMOVE(&data->control->data, data, entry);
	data->control->session->nr_data_conns--;
	rdma_disconnect(data->id);
	rdma_destroy_qp(data->id);
	rdma_destroy_id(data->id);
	free(data);
}

void transport_cut(struct session *session)
{
	struct endpoint *data;

	while ((data = TAILQ_FIRST(&session->connection->data)))
		data_close(data);
}
