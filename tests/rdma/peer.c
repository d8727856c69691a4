// SPDX-License-Identifier: GPL-2.0
/* peer.c - a client in user space: connections. peer_wire.c has what is said on them. */
#include <arpa/inet.h>
#include <poll.h>
#include <sys/random.h>

#include "peer.h"

#define RESOLVE_MS	(10000 * (int)slowness())
#define EVENT_MS	(60000 * (int)slowness())
/* A READ that is answered is answered sooner; one to nobody may be tried again for ever. */
#define CUT_OFF_MS	(3000 * slowness())

void peer_init(struct peer *peer, const char *address, uint16_t port, const uint8_t *key)
{
	memset(peer, 0, sizeof(*peer));
	peer->address = address;
	peer->port = port;
	if (key) {
		peer->has_key = true;
		memcpy(peer->key, key, sizeof(peer->key));
	}
	CHECK(getrandom(peer->id, sizeof(peer->id), 0) == sizeof(peer->id));
}

static bool wait_readable(int fd, int timeout_ms)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return poll(&poll_fd, 1, timeout_ms) == 1;
}

/* The type of the next event, or -1. What it carries is in the connection. */
static int next_event(struct peer_conn *conn, int timeout_ms)
{
	struct rdma_cm_event *event;
	const void *data;
	size_t len;
	int type;

	if (!wait_readable(conn->channel->fd, timeout_ms))
		return -1;
	CHECK(!rdma_get_cm_event(conn->channel, &event));
	type = event->event;
	data = event->param.conn.private_data;
	len = data ? event->param.conn.private_data_len : 0;
	if (type == RDMA_CM_EVENT_REJECTED && len >= sizeof(conn->reject)) {
		memcpy(&conn->reject, data, sizeof(conn->reject));
		if (!dmem_wire_check_reject(&conn->reject, len))
			memset(&conn->reject, 0, sizeof(conn->reject));
	}
	if (type == RDMA_CM_EVENT_ESTABLISHED && len >= sizeof(conn->joined))
		memcpy(&conn->joined, data, sizeof(conn->joined));
	rdma_ack_cm_event(event);
	/* The latter where the donor closes it before it has heard that it was made. */
	if (type == RDMA_CM_EVENT_DISCONNECTED || type == RDMA_CM_EVENT_REJECTED)
		conn->connected = false;
	return type;
}

static void expect_event(struct peer_conn *conn, int wanted)
{
	int type = next_event(conn, EVENT_MS);

	CHECK_MSG(type == wanted, "%s, not %s", type < 0 ? "nothing" : rdma_event_str(type),
		  rdma_event_str(wanted));
}

static void post_recv(struct peer_conn *conn, unsigned int index)
{
	struct ibv_sge sge = {
		.addr = (uintptr_t)conn->memory + index * DMEM_WIRE_MSG_BYTES,
		.length = DMEM_WIRE_MSG_BYTES,
		.lkey = conn->mr->lkey,
	};
	struct ibv_recv_wr wr = { .wr_id = index, .sg_list = &sge, .num_sge = 1 }, *bad;

	CHECK(!ibv_post_recv(conn->id->qp, &wr, &bad));
}

static void make_queues(struct peer_conn *conn)
{
	struct ibv_qp_init_attr attr = {
		.cap = { .max_send_wr = 2 * PEER_WINDOW, .max_recv_wr = PEER_WINDOW,
			 .max_send_sge = 1, .max_recv_sge = 1 },
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
	};
	unsigned int i;

	conn->pd = ibv_alloc_pd(conn->id->verbs);
	conn->cq = ibv_create_cq(conn->id->verbs, 4 * PEER_WINDOW, NULL, NULL, 0);
	conn->memory = aligned_alloc(4096, PEER_MEMORY);
	CHECK(conn->pd && conn->cq && conn->memory);
	conn->mr = ibv_reg_mr(conn->pd, conn->memory, PEER_MEMORY, IBV_ACCESS_LOCAL_WRITE);
	CHECK(conn->mr);
	attr.send_cq = attr.recv_cq = conn->cq;
	CHECK(!rdma_create_qp(conn->id, conn->pd, &attr));
	for (i = 0; i < PEER_WINDOW; i++)
		post_recv(conn, i);
}

bool peer_connect(struct peer *peer, struct peer_conn *conn, const void *cm, size_t cm_bytes)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(peer->port) };
	struct rdma_conn_param param = {
		.private_data = cm, .private_data_len = cm_bytes,
		.responder_resources = 0, .initiator_depth = 8,
		.retry_count = 7, .rnr_retry_count = 7,
	};
	int type;

	memset(conn, 0, sizeof(*conn));
	CHECK(inet_pton(AF_INET, peer->address, &to.sin_addr) == 1);
	conn->channel = rdma_create_event_channel();
	CHECK(conn->channel);
	CHECK(!rdma_create_id(conn->channel, &conn->id, NULL, RDMA_PS_TCP));
	CHECK(!rdma_resolve_addr(conn->id, NULL, (struct sockaddr *)&to, RESOLVE_MS));
	expect_event(conn, RDMA_CM_EVENT_ADDR_RESOLVED);
	CHECK(!rdma_resolve_route(conn->id, RESOLVE_MS));
	expect_event(conn, RDMA_CM_EVENT_ROUTE_RESOLVED);
	make_queues(conn);
	CHECK(!rdma_connect(conn->id, &param));
	type = next_event(conn, EVENT_MS);
	conn->connected = type == RDMA_CM_EVENT_ESTABLISHED;
	CHECK_MSG(conn->connected || type == RDMA_CM_EVENT_REJECTED, "connecting: %s",
		  type < 0 ? "nothing" : rdma_event_str(type));
	return conn->connected;
}

bool peer_connect_control(struct peer *peer)
{
	const struct dmem_wire_cm cm = {
		.magic = htole32(DMEM_WIRE_MAGIC),
		.version = htole16(DMEM_WIRE_VERSION),
		.purpose = htole16(DMEM_WIRE_CONTROL),
	};

	peer->seq = 0;
	return peer_connect(peer, &peer->control, &cm, sizeof(cm));
}

void peer_close(struct peer_conn *conn)
{
	if (!conn->channel)
		return;
	if (conn->id->qp) {
		rdma_disconnect(conn->id);
		rdma_destroy_qp(conn->id);
	}
	if (conn->mr)
		ibv_dereg_mr(conn->mr);
	if (conn->cq)
		ibv_destroy_cq(conn->cq);
	if (conn->pd)
		ibv_dealloc_pd(conn->pd);
	rdma_destroy_id(conn->id);
	rdma_destroy_event_channel(conn->channel);
	free(conn->memory);
	memset(conn, 0, sizeof(*conn));
}

void peer_drop(struct peer *peer)
{
	peer_close(&peer->data);
	peer_close(&peer->control);
}

bool peer_ended(struct peer_conn *conn, int timeout_ms)
{
	while (conn->connected) {
		if (next_event(conn, timeout_ms) < 0)
			return false;
	}
	return true;
}

static uint64_t ms_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ULL + now.tv_nsec / 1000000;
}

/* Polls once; sends that failed are the connection's end, which shows otherwise. */
static void poll_control(struct peer_conn *conn)
{
	struct ibv_wc wc;

	while (ibv_poll_cq(conn->cq, 1, &wc) == 1) {
		if (wc.opcode == IBV_WC_RECV && wc.status == IBV_WC_SUCCESS) {
			CHECK_MSG(wc.byte_len == DMEM_WIRE_MSG_BYTES, "a message of %u bytes",
				  wc.byte_len);
			conn->received++;
		}
	}
}

bool peer_receive(struct peer *peer, union dmem_wire_msg *msg, int timeout_ms)
{
	struct peer_conn *conn = &peer->control;
	uint64_t end = ms_now() + timeout_ms;
	const char *reason;

	for (poll_control(conn); !conn->received; poll_control(conn)) {
		if (ms_now() >= end)
			return false;
		if (conn->connected && next_event(conn, 1) >= 0)
			continue;
		if (!conn->connected)
			usleep(1000);
	}
	memcpy(msg, conn->memory + conn->next_recv * DMEM_WIRE_MSG_BYTES, sizeof(*msg));
	if (conn->connected)
		post_recv(conn, conn->next_recv);
	conn->next_recv = (conn->next_recv + 1) % PEER_WINDOW;
	conn->received--;
	CHECK_MSG(dmem_wire_check(msg, sizeof(*msg), DMEM_WIRE_DONOR, &reason) == DMEM_WIRE_OK,
		  "the donor's message: %s", reason);
	return true;
}

void peer_send(struct peer *peer, const void *msg, size_t len)
{
	static unsigned int turn;
	struct peer_conn *conn = &peer->control;
	/* Behind the receives; many at once, none of them reused before it has gone. */
	uint8_t *to = conn->memory + PEER_MEMORY / 2 + (turn++ % 64) * 4096;
	struct ibv_sge sge = { .addr = (uintptr_t)to, .length = len, .lkey = conn->mr->lkey };
	struct ibv_send_wr wr = { .sg_list = &sge, .num_sge = len ? 1 : 0,
				  .opcode = IBV_WR_SEND }, *bad;

	CHECK(len <= 4096);
	memcpy(to, msg, len);
	CHECK(!ibv_post_send(conn->id->qp, &wr, &bad));
}

static void post_io(struct peer_conn *conn, enum ibv_wr_opcode opcode, uint64_t address,
		    uint32_t rkey, uint32_t bytes)
{
	struct ibv_sge sge = { .addr = (uintptr_t)conn->memory, .length = bytes,
			       .lkey = conn->mr->lkey };
	struct ibv_send_wr wr = {
		.sg_list = &sge, .num_sge = 1, .opcode = opcode,
		.wr.rdma = { .remote_addr = address, .rkey = rkey },
	}, *bad;

	CHECK(!ibv_post_send(conn->id->qp, &wr, &bad));
}

bool peer_cut_off(struct peer_conn *conn, uint64_t address, uint32_t rkey)
{
	uint64_t end = ms_now() + CUT_OFF_MS;
	struct ibv_wc wc;

	post_io(conn, IBV_WR_RDMA_READ, address, rkey, 4096);
	while (ms_now() < end) {
		if (ibv_poll_cq(conn->cq, 1, &wc) == 1)
			return wc.status != IBV_WC_SUCCESS;
	}
	return true;
}

int peer_io(struct peer_conn *conn, enum ibv_wr_opcode opcode, uint64_t address, uint32_t rkey,
	    uint32_t bytes)
{
	uint64_t end = ms_now() + EVENT_MS;
	struct ibv_wc wc;

	post_io(conn, opcode, address, rkey, bytes);
	while (ibv_poll_cq(conn->cq, 1, &wc) != 1)
		CHECK_MSG(ms_now() < end, "an RDMA request never ends");
	return wc.status;
}
