/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fabric.h - verbs: devices, the listener, control and data connections, memory regions.
 *
 * The loop's, but for registering and deregistering (region.c), which workers do. Whatever fails
 * in the fabric only marks its connection; fabric_tend() closes it, so that no session ends in the
 * middle of its own work. A cm id holds librdmacm's device open: a control connection's is the
 * last thing of its session to go.
 */
#ifndef MEMNODE_FABRIC_H
#define MEMNODE_FABRIC_H

#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>

#include "transport.h"

/** Receives of a control connection; sends: one more, for the last word. */
#define CONTROL_RECVS	(2 * DMEM_WIRE_WINDOW)
#define CONTROL_SENDS	(2 * DMEM_WIRE_WINDOW + 1)

struct device {
	TAILQ_ENTRY(device) entry;
	struct fabric *fabric;
	struct ibv_context *verbs;		/* librdmacm's */
	unsigned int users;			/* control connections */
	struct ibv_pd *pd;			/* of control connections: no extents */
	struct ibv_comp_channel *channel;	/* likewise */
	struct ibv_cq *idle_cq;			/* of data connections: nothing completes there */
	uint8_t reads_max;			/* of clients, under way on a connection */
	bool odp;
	bool as_mapped;				/* MRs begin where the memory is mapped */
	struct watch completions, events;
};
TAILQ_HEAD(device_list, device);

struct fabric {
	struct donor *donor;
	struct loop *loop;
	struct rdma_event_channel *channel;
	struct watch watch;
	struct rdma_cm_id *listener;		/* NULL: its device is gone */
	uint64_t listen_again_ms;
	struct device_list devices;
	TAILQ_HEAD(, connection) connections;
};

/** struct endpoint - a cm id and its queue pair, which name it as their context */
struct endpoint {
	struct rdma_cm_id *id;
	struct connection *control;	/* of the session; itself or the one it belongs to */
	bool is_data;
	bool broken;
	uint16_t index;			/* of a data connection */
	TAILQ_ENTRY(endpoint) entry;
};

struct connection {
	struct endpoint endpoint;	/* first */
	TAILQ_ENTRY(connection) entry;
	struct fabric *fabric;
	struct device *device;
	struct session *session;
	struct ibv_cq *cq;
	union dmem_wire_msg *buffers;	/* receives, then sends */
	struct ibv_mr *mr;		/* of these */
	uint32_t sending;		/* bits of sends */
	bool again;			/* more may have come */
	bool hanging_up;
	uint64_t hang_up_ms;		/* when at the latest */
	struct ibv_pd *pd;		/* of the session's extents and data connections */
	TAILQ_HEAD(, endpoint) data;
};

/**
 * fabric_open - listen
 * @fabric: takes it; stays where it is
 * @donor: whose options say where
 * @loop: calls back
 * @error: takes the reason
 *
 * Return: 0 or -errno.
 */
int fabric_open(struct fabric *fabric, struct donor *donor, struct loop *loop,
		struct dmem_error *error);

/** fabric_hang_up - let no more in, end every session */
void fabric_hang_up(struct fabric *fabric);

/** fabric_close - when nobody is left */
void fabric_close(struct fabric *fabric);

/**
 * fabric_tend - close what is to be closed, go on with what was put off
 * @fabric: of it
 *
 * Return: when to call again, in ms from now; -1: after the next event.
 */
int fabric_tend(struct fabric *fabric);

/** device_get - the device of a cm id, for one more control connection; NULL: see errno */
struct device *device_get(struct fabric *fabric, struct ibv_context *verbs);
void device_put(struct device *device);

/** control_accept - a client asks for a control connection; false: reject it, see errno */
bool control_accept(struct fabric *fabric, struct rdma_cm_id *id, const char *peer,
		    const struct rdma_conn_param *asked, const struct dmem_wire_cm *cm);

/** control_poll - look at what has completed */
void control_poll(struct connection *connection);

/** control_close - no queue pair any more; the session learns of it and may be freed with this */
void control_close(struct connection *connection);

/** data_accept - likewise, of a session that it may join */
bool data_accept(struct connection *control, struct rdma_cm_id *id,
		 const struct rdma_conn_param *asked, const struct dmem_wire_cm *cm);

/** data_close - destroy one */
void data_close(struct endpoint *endpoint);

/** endpoint_accept - with a queue pair that is there; @reply is its private data */
int endpoint_accept(struct endpoint *endpoint, const struct rdma_conn_param *asked,
		    const struct dmem_wire_cm *reply);

#endif /* MEMNODE_FABRIC_H */
