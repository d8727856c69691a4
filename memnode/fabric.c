// SPDX-License-Identifier: GPL-2.0
/* fabric.c - the listener and the events of librdmacm; who asks for a connection and gets it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fabric.h"
#include "log.h"

#define BACKLOG			128
#define LISTEN_AGAIN_MS		1000

static void reject(struct fabric *fabric, struct rdma_cm_id *id, const char *peer,
		   enum dmem_wire_code code, const char *reason)
{
	struct dmem_wire_reject reject;

	donor_refuse_connection(fabric->donor, &reject, peer, code, reason);
	/* Where this fails, the client hears nothing and tries again. */
	rdma_reject(id, &reject, sizeof(reject));
	rdma_destroy_id(id);
}

static void take_control(struct fabric *fabric, struct rdma_cm_id *id, const char *peer,
			 const struct rdma_conn_param *asked, const struct dmem_wire_cm *cm)
{
	if (donor_strangers(fabric->donor) >= DONOR_STRANGERS_MAX) {
		reject(fabric, id, peer, DMEM_WIRE_BUSY, "too many connections in a handshake");
	} else if (!control_accept(fabric, id, peer, asked, cm)) {
		log_event(LOG_ERR, "connection of %s: %s", peer, strerror(errno));
		reject(fabric, id, peer, DMEM_WIRE_INTERNAL, "no connection could be made");
	}
}

static void take_data(struct fabric *fabric, struct rdma_cm_id *id, const char *peer,
		      const struct rdma_conn_param *asked, const struct dmem_wire_cm *cm)
{
	struct session *session;
	const char *reason;
	enum dmem_wire_code code = session_join(fabric->donor, cm, &session, &reason);

	if (code != DMEM_WIRE_OK) {
		reject(fabric, id, peer, code, reason);
	} else if (session->connection->device->verbs != id->verbs) {
		reject(fabric, id, peer, DMEM_WIRE_BAD_DEVICE,
		       "the session came by another device");
	} else if (!data_accept(session->connection, id, asked, cm)) {
		log_event(LOG_ERR, "data connection of %s: %s", peer, strerror(errno));
		reject(fabric, id, peer, DMEM_WIRE_INTERNAL, "no connection could be made");
	}
}

static enum dmem_wire_code check_request(const struct fabric *fabric, struct rdma_cm_id *id,
					 const struct dmem_wire_cm *cm, size_t len,
					 const char **reason)
{
	const char *wanted = fabric->donor->options->device;

	if (!donor_allows(fabric->donor, rdma_get_peer_addr(id), reason))
		return DMEM_WIRE_NOT_ALLOWED;
	*reason = "not by --device";
	if (wanted && strcmp(ibv_get_device_name(id->verbs->device), wanted))
		return DMEM_WIRE_NOT_ALLOWED;
	return dmem_wire_check_cm(cm, len, reason);
}

static void take_request(struct fabric *fabric, struct rdma_cm_id *id,
			 const struct rdma_conn_param *asked, const struct dmem_wire_cm *cm,
			 size_t len)
{
	char peer[ADDRESS_TEXT];
	const char *reason;
	enum dmem_wire_code code;

	id->context = NULL;
	address_format(rdma_get_peer_addr(id), peer);
	code = check_request(fabric, id, cm, len, &reason);
	if (code != DMEM_WIRE_OK)
		reject(fabric, id, peer, code, reason);
	else if (dmem_le16(cm->purpose) == DMEM_WIRE_CONTROL)
		take_control(fabric, id, peer, asked, cm);
	else
		take_data(fabric, id, peer, asked, cm);
}

static void drop_listener(struct fabric *fabric)
{
	if (fabric->listener)
		rdma_destroy_id(fabric->listener);
	fabric->listener = NULL;
	fabric->listen_again_ms = now_ms() + LISTEN_AGAIN_MS;
}

/* What has an endpoint no more is over. */
static void end_endpoint(struct endpoint *endpoint)
{
	if (!endpoint)
		return;
	if (endpoint->is_data)
		data_close(endpoint);
	else
		endpoint->broken = true;
}

static void handle_event(struct fabric *fabric, enum rdma_cm_event_type type,
			 struct rdma_cm_id *id)
{
	switch (type) {
	case RDMA_CM_EVENT_DEVICE_REMOVAL:
		if (id == fabric->listener) {
			log_event(LOG_ERR, "the device that was listened on is gone");
			drop_listener(fabric);
			break;
		}
		end_endpoint(id->context);
		break;
	case RDMA_CM_EVENT_DISCONNECTED:
	case RDMA_CM_EVENT_CONNECT_ERROR:
	case RDMA_CM_EVENT_UNREACHABLE:
	case RDMA_CM_EVENT_REJECTED:
		end_endpoint(id->context);
		break;
	default:
		break;
	}
}

/* An event's private data is gone with its acknowledgement, and an id waits for that to end. */
static void handle_events(struct watch *watch)
{
	struct fabric *fabric = watch->owner;
	struct dmem_wire_cm cm = { 0 };
	enum rdma_cm_event_type type;
	struct rdma_conn_param asked;
	struct rdma_cm_event *event;
	struct rdma_cm_id *id;
	size_t len;

	if (rdma_get_cm_event(fabric->channel, &event))
		return;
	type = event->event;
	id = event->id;
	asked = event->param.conn;
	len = asked.private_data ? asked.private_data_len : 0;
	if (type == RDMA_CM_EVENT_CONNECT_REQUEST && len)
		memcpy(&cm, asked.private_data, len < sizeof(cm) ? len : sizeof(cm));
	rdma_ack_cm_event(event);
	if (type == RDMA_CM_EVENT_CONNECT_REQUEST)
		take_request(fabric, id, &asked, &cm, len);
	else
		handle_event(fabric, type, id);
}

static int listen_fail(const struct fabric *fabric, struct dmem_error *error)
{
	const struct sockaddr *address = (const void *)&fabric->donor->options->listen;
	char text[ADDRESS_TEXT];
	const char *why;
	int err = errno;

	if (err == ENODEV)
		why = "no RDMA device has this address";
	else if (err == EADDRINUSE)
		why = "somebody else listens there";
	else
		why = strerror(err);
	return dmem_fail(error, err, "--listen %s: %s", address_format(address, text), why);
}

static int listen_now(struct fabric *fabric, struct dmem_error *error)
{
	const struct options *options = fabric->donor->options;
	const struct ibv_context *verbs;
	int err = 0;

	if (rdma_create_id(fabric->channel, &fabric->listener, NULL, RDMA_PS_TCP)) {
		fabric->listener = NULL;
		return listen_fail(fabric, error);
	}
	if (rdma_bind_addr(fabric->listener, (struct sockaddr *)&options->listen))
		err = listen_fail(fabric, error);
	verbs = fabric->listener->verbs;
	if (!err && options->device && verbs &&
	    strcmp(ibv_get_device_name(verbs->device), options->device))
		err = dmem_fail(error, ENODEV, "--device %s: the address of --listen is of %s",
				options->device, ibv_get_device_name(verbs->device));
	if (!err && rdma_listen(fabric->listener, BACKLOG))
		err = listen_fail(fabric, error);
	if (err)
		drop_listener(fabric);
	return err;
}

/* Without this a wrong name would only show when the first client is refused. */
static int check_device(const char *name, struct dmem_error *error)
{
	struct ibv_device **all = ibv_get_device_list(NULL);
	bool found = false;
	unsigned int i;

	for (i = 0; all && all[i]; i++)
		found |= !name || !strcmp(ibv_get_device_name(all[i]), name);
	if (all)
		ibv_free_device_list(all);
	if (found)
		return 0;
	return name ? dmem_fail(error, ENODEV, "--device %s: there is no such RDMA device", name) :
		      dmem_fail(error, ENODEV, "there is no RDMA device (and its user space driver) on this host");
}

int fabric_open(struct fabric *fabric, struct donor *donor, struct loop *loop,
		struct dmem_error *error)
{
	int err;

	*fabric = (struct fabric){ .donor = donor, .loop = loop };
	TAILQ_INIT(&fabric->devices);
	TAILQ_INIT(&fabric->connections);
	err = check_device(donor->options->device, error);
	if (err)
		return err;
	fabric->channel = rdma_create_event_channel();
	if (!fabric->channel)
		return dmem_fail(error, errno, "/dev/infiniband/rdma_cm: %s (is the module rdma_ucm loaded?)",
				 strerror(errno));
	fabric->watch = (struct watch){ .fd = fabric->channel->fd, .ready = handle_events,
					.owner = fabric };
	err = loop_add(loop, &fabric->watch);
	if (err)
		dmem_fail(error, err, "/dev/infiniband/rdma_cm: %s", strerror(-err));
	else
		err = listen_now(fabric, error);
	if (err)
		rdma_destroy_event_channel(fabric->channel);
	return err;
}

static void listen_again(struct fabric *fabric)
{
	struct dmem_error error;

	if (listen_now(fabric, &error))
		fabric->listen_again_ms = now_ms() + LISTEN_AGAIN_MS;
	else
		log_event(LOG_NOTICE, "listening again");
}

void fabric_hang_up(struct fabric *fabric)
{
	struct connection *connection;

	if (fabric->listener)
		drop_listener(fabric);
	fabric->listen_again_ms = UINT64_MAX;
	TAILQ_FOREACH(connection, &fabric->connections, entry)
		session_end(connection->session, "the donor ends");
}

void fabric_close(struct fabric *fabric)
{
	loop_remove(fabric->loop, &fabric->watch);
	rdma_destroy_event_channel(fabric->channel);
}

static void tend_data(struct connection *connection)
{
	struct endpoint *data, *next;

	for (data = TAILQ_FIRST(&connection->data); data; data = next) {
		next = TAILQ_NEXT(data, entry);
		if (data->broken)
			data_close(data);
	}
}

/* Whether it is time to close it: nothing is left to be sent, or it was waited for long enough. */
static bool is_over(const struct connection *connection, uint64_t now)
{
	return connection->endpoint.broken ||
	       (connection->hanging_up && (!connection->sending || connection->hang_up_ms <= now));
}

int fabric_tend(struct fabric *fabric)
{
	struct connection *connection, *next;
	uint64_t now = now_ms();
	int timeout = -1;

	if (!fabric->listener && fabric->listen_again_ms <= now)
		listen_again(fabric);
	if (!fabric->listener && fabric->listen_again_ms != UINT64_MAX)
		timeout = LISTEN_AGAIN_MS;
	for (connection = TAILQ_FIRST(&fabric->connections); connection; connection = next) {
		next = TAILQ_NEXT(connection, entry);
		if (!connection->cq)
			continue;
		tend_data(connection);
		if (connection->again)
			control_poll(connection);
		if (is_over(connection, now))
			control_close(connection);
		else if (connection->again)
			timeout = 0;
		else if (connection->hanging_up && (timeout < 0 || timeout > 100))
			timeout = 100;
	}
	return timeout;
}
