// SPDX-License-Identifier: GPL-2.0
/*
 * region.c - devices and memory regions.
 *
 * A region is one extent in the domain of one session: only its data connections can use the key.
 * No relaxed ordering: a READ by one connection must see the WRITE that was acknowledged on
 * another. Clients know an extent by where it lies in the memory, not by the daemon's addresses.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fabric.h"
#include "log.h"

static bool has_odp(struct ibv_context *verbs)
{
	const uint32_t needed = IBV_ODP_SUPPORT_READ | IBV_ODP_SUPPORT_WRITE;
	struct ibv_device_attr_ex attr;

	if (ibv_query_device_ex(verbs, NULL, &attr))
		return false;
	return attr.odp_caps.general_caps & IBV_ODP_SUPPORT &&
	       (attr.odp_caps.per_transport_caps.rc_odp_caps & needed) == needed;
}

static void handle_completions(struct watch *watch)
{
	struct device *device = watch->owner;
	struct connection *connection;
	struct ibv_cq *cq;
	void *context;

	if (ibv_get_cq_event(device->channel, &cq, &context))
		return;
	/* At once: to destroy a queue is to wait for it. */
	ibv_ack_cq_events(cq, 1);
	connection = context;
	if (ibv_req_notify_cq(cq, 0))
		connection->endpoint.broken = true;
	control_poll(connection);
}

static void fail_all(struct device *device)
{
	struct connection *connection;

	TAILQ_FOREACH(connection, &device->fabric->connections, entry) {
		if (connection->device == device)
			connection->endpoint.broken = true;
	}
}

static void handle_event(struct device *device, const struct ibv_async_event *event,
			 struct endpoint *endpoint)
{
	switch (event->event_type) {
	case IBV_EVENT_COMM_EST:
		/* A message came before the last word of the connection's making did. */
		rdma_notify(endpoint->id, event->event_type);
		break;
	case IBV_EVENT_QP_FATAL:
	case IBV_EVENT_QP_REQ_ERR:
	case IBV_EVENT_QP_ACCESS_ERR:
		endpoint->broken = true;
		break;
	case IBV_EVENT_DEVICE_FATAL:
		fail_all(device);
		break;
	default:
		break;
	}
}

static void handle_events(struct watch *watch)
{
	struct device *device = watch->owner;
	struct endpoint *endpoint = NULL;
	struct ibv_async_event event;

	if (ibv_get_async_event(device->verbs, &event))
		return;
	if (event.event_type <= IBV_EVENT_PATH_MIG_ERR ||
	    event.event_type == IBV_EVENT_QP_LAST_WQE_REACHED) {
		if (event.event_type != IBV_EVENT_CQ_ERR)
			endpoint = event.element.qp->qp_context;
	}
	/* Clients can bring about most of them. */
	if (event.event_type != IBV_EVENT_COMM_EST)
		log_refusal(now_ms(), "device %s: %s", ibv_get_device_name(device->verbs->device),
			    ibv_event_type_str(event.event_type));
	ibv_ack_async_event(&event);
	handle_event(device, &event, endpoint);
}

static int make_device(struct device *device)
{
	struct ibv_context *verbs = device->verbs;
	struct ibv_device_attr attr;
	int err = ibv_query_device(verbs, &attr);

	if (err) {
		errno = err;
		return -1;
	}
	device->reads_max = attr.max_qp_rd_atom > UINT8_MAX ? UINT8_MAX : attr.max_qp_rd_atom;
	device->odp = has_odp(verbs);
	/* The kernel's siw takes no other address, and says nothing when it is asked for one. */
	device->as_mapped = verbs->device->transport_type == IBV_TRANSPORT_IWARP;
	device->pd = ibv_alloc_pd(verbs);
	device->channel = device->pd ? ibv_create_comp_channel(verbs) : NULL;
	device->idle_cq = device->channel ? ibv_create_cq(verbs, 1, NULL, NULL, 0) : NULL;
	if (!device->idle_cq)
		return -1;
	device->completions = (struct watch){ .fd = device->channel->fd,
					      .ready = handle_completions, .owner = device };
	device->events = (struct watch){ .fd = verbs->async_fd, .ready = handle_events,
					 .owner = device };
	err = loop_add(device->fabric->loop, &device->completions);
	if (!err)
		err = loop_add(device->fabric->loop, &device->events);
	errno = -err;
	return err;
}

static void free_device(struct device *device)
{
	int err = errno;

	loop_remove(device->fabric->loop, &device->events);
	if (device->channel)
		loop_remove(device->fabric->loop, &device->completions);
	if (device->idle_cq)
		ibv_destroy_cq(device->idle_cq);
	if (device->channel)
		ibv_destroy_comp_channel(device->channel);
	if (device->pd)
		ibv_dealloc_pd(device->pd);
	free(device);
	errno = err;
}

struct device *device_get(struct fabric *fabric, struct ibv_context *verbs)
{
	struct device *device;

	TAILQ_FOREACH(device, &fabric->devices, entry) {
		if (device->verbs == verbs) {
			device->users++;
			return device;
		}
	}
	device = calloc(1, sizeof(*device));
	if (!device)
		return NULL;
	*device = (struct device){ .fabric = fabric, .verbs = verbs, .users = 1,
				   .events.fd = verbs->async_fd };
	if (make_device(device)) {
		free_device(device);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&fabric->devices, device, entry);
	log_event(LOG_INFO, "device %s is in use%s", ibv_get_device_name(verbs->device),
		  device->odp ? ", memory on demand" : "");
	return device;
}

void device_put(struct device *device)
{
	if (--device->users)
		return;
	TAILQ_REMOVE(&device->fabric->devices, device, entry);
	free_device(device);
}

int transport_open(struct session *session)
{
	struct connection *connection = session->connection;

	connection->pd = ibv_alloc_pd(connection->device->verbs);
	return connection->pd ? 0 : -errno;
}

void transport_close(struct session *session)
{
	int err = ibv_dealloc_pd(session->connection->pd);

	if (err)
		log_event(LOG_ERR, "session of %s: its domain stays: %s", session->peer,
			  strerror(err));
}

uint64_t transport_address(const struct session *session, const struct extent *extent)
{
	if (session->connection->device->as_mapped)
		return (uintptr_t)store_address(&session->donor->store, extent);
	return extent->index * session->donor->options->extent_bytes;
}

uint32_t transport_rkey(const struct extent *extent)
{
	return extent->mr->rkey;
}

int transport_attach(struct session *session, struct extent *extent, uint32_t *rkey)
{
	const struct connection *connection = session->connection;
	unsigned int access = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ |
			      IBV_ACCESS_REMOTE_WRITE;

	if (connection->device->odp)
		access |= IBV_ACCESS_ON_DEMAND;
	extent->mr = ibv_reg_mr_iova(connection->pd,
				     store_address(&session->donor->store, extent),
				     session->donor->options->extent_bytes,
				     transport_address(session, extent), access);
	if (!extent->mr)
		return errno ? -errno : -EIO;
	*rkey = extent->mr->rkey;
	return 0;
}

void transport_detach(struct extent *extent)
{
	int err;

	if (!extent->mr)
		return;
	err = ibv_dereg_mr(extent->mr);
	if (err)
		log_event(LOG_ERR, "extent %u stays registered: %s", extent->index, strerror(err));
	extent->mr = NULL;
}
