// SPDX-License-Identifier: GPL-2.0
/*
 * rdma_badpeer.c - what a host does with a donor that is none: the mount fails with a reason, and
 * nothing is left of it.
 *
 * The false donor is a process of its own, which accepts one control connection and sends what
 * the case says instead of a CHALLENGE or an ACCEPT.
 */
#include <arpa/inet.h>
#include <sys/wait.h>

#include "../rdma/pool.h"
#include "wire.h"

struct bad_case {
	const char *name;
	int want;			/* errno of the mount */
	const char *says;		/* in the kernel's log */
	bool reject;			/* the connection, with spoil() on the reason */
	bool accept_right;		/* a right CHALLENGE comes first */
	uint32_t len;			/* of the message; 0: whole, UINT32_MAX: none comes */
	void (*spoil_cm)(struct dmem_wire_cm *cm);
	void (*spoil_reject)(struct dmem_wire_reject *reject);
	void (*spoil)(union dmem_wire_msg *msg);
};

struct false_donor {
	struct rdma_event_channel *channel;
	struct rdma_cm_id *listen, *id;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	union dmem_wire_msg *msgs;	/* what comes, then what goes */
};

/* In the false donor: it has nobody to tell but by its end. */
#define NEED(cond)	do { if (!(cond)) _exit(__LINE__ & 0x7f); } while (0)

static struct rdma_cm_event *next_event(struct false_donor *donor, enum rdma_cm_event_type type)
{
	struct rdma_cm_event *event;

	do {
		NEED(!rdma_get_cm_event(donor->channel, &event));
	} while (event->event != type && !rdma_ack_cm_event(event));
	return event;
}

static void false_listen(struct false_donor *donor)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(DONOR_PORT) };

	inet_pton(AF_INET, DONOR_ADDRESS, &addr.sin_addr);
	NEED((donor->channel = rdma_create_event_channel()));
	NEED(!rdma_create_id(donor->channel, &donor->listen, NULL, RDMA_PS_TCP));
	NEED(!rdma_bind_addr(donor->listen, (struct sockaddr *)&addr));
	NEED(!rdma_listen(donor->listen, 4));
}

static void post_recv(struct false_donor *donor)
{
	struct ibv_sge sge = { (uintptr_t)donor->msgs, DMEM_WIRE_MSG_BYTES, donor->mr->lkey };
	struct ibv_recv_wr *bad, wr = { .sg_list = &sge, .num_sge = 1 };

	NEED(!ibv_post_recv(donor->id->qp, &wr, &bad));
}

static void false_queues(struct false_donor *donor)
{
	struct ibv_qp_init_attr attr = {
		.cap = { 16, 16, 1, 1, 0 },
		.qp_type = IBV_QPT_RC,
	};

	NEED((donor->pd = ibv_alloc_pd(donor->id->verbs)));
	NEED((donor->cq = ibv_create_cq(donor->id->verbs, 32, NULL, NULL, 0)));
	attr.send_cq = donor->cq;
	attr.recv_cq = donor->cq;
	NEED(!rdma_create_qp(donor->id, donor->pd, &attr));
	NEED((donor->msgs = calloc(2, sizeof(*donor->msgs))));
	NEED((donor->mr = ibv_reg_mr(donor->pd, donor->msgs, 2 * sizeof(*donor->msgs),
				     IBV_ACCESS_LOCAL_WRITE)));
	post_recv(donor);
}

static void completion(struct false_donor *donor, enum ibv_wc_opcode opcode)
{
	struct ibv_wc wc;

	do {
		while (!ibv_poll_cq(donor->cq, 1, &wc))
			usleep(1000);
		NEED(wc.status == IBV_WC_SUCCESS);
	} while (wc.opcode != opcode);
}

static void false_send(struct false_donor *donor, uint32_t len)
{
	struct ibv_sge sge = { (uintptr_t)(donor->msgs + 1), len, donor->mr->lkey };
	struct ibv_send_wr *bad, wr = {
		.sg_list = &sge,
		.num_sge = 1,
		.opcode = IBV_WR_SEND,
		.send_flags = IBV_SEND_SIGNALED,
	};

	NEED(!ibv_post_send(donor->id->qp, &wr, &bad));
	completion(donor, IBV_WC_SEND);
}

/* What a donor would answer to the message that has come. */
static void right_answer(struct false_donor *donor)
{
	union dmem_wire_msg *msg = donor->msgs + 1;
	uint32_t seq = dmem_le32(donor->msgs->header.seq);

	if (dmem_le16(donor->msgs->header.type) == DMEM_WIRE_HELLO) {
		dmem_wire_begin(msg, DMEM_WIRE_CHALLENGE, seq);
		memset(msg->challenge.nonce, 7, sizeof(msg->challenge.nonce));
		msg->challenge.epoch = htole64(1234);
		return;
	}
	dmem_wire_begin(msg, DMEM_WIRE_ACCEPT, seq);
	msg->accept.session = htole64(1);
	msg->accept.extent_bytes = htole64(4 * MIB);
	msg->accept.renew_ms = htole32(1000);
	msg->accept.grace_ms = htole32(300000);
	msg->accept.max_data_conns = htole16(2);
}

static void false_answer(struct false_donor *donor, const struct bad_case *c)
{
	completion(donor, IBV_WC_RECV);
	right_answer(donor);
	if (c->accept_right) {
		post_recv(donor);
		false_send(donor, DMEM_WIRE_MSG_BYTES);
		completion(donor, IBV_WC_RECV);
		right_answer(donor);
	}
	if (c->spoil)
		c->spoil(donor->msgs + 1);
	if (c->len != UINT32_MAX)
		false_send(donor, c->len ?: DMEM_WIRE_MSG_BYTES);
}

static void false_reject(struct false_donor *donor, const struct bad_case *c)
{
	struct dmem_wire_reject reject = {
		.magic = htole32(DMEM_WIRE_MAGIC),
		.version = htole16(DMEM_WIRE_VERSION),
		.code = htole16(DMEM_WIRE_BUSY),
		.reason = "too many of you",
	};

	if (c->spoil_reject)
		c->spoil_reject(&reject);
	NEED(!rdma_reject(donor->id, &reject, sizeof(reject)));
	pause();
}

/* A process that does as the case says to the first that connects. */
static void false_donor(const struct bad_case *c, int ready)
{
	struct false_donor donor = {};
	struct rdma_conn_param param = { .responder_resources = 1, .initiator_depth = 1 };
	struct rdma_cm_event *event;
	struct dmem_wire_cm cm;

	false_listen(&donor);
	NEED(write(ready, "r", 1) == 1);
	event = next_event(&donor, RDMA_CM_EVENT_CONNECT_REQUEST);
	donor.id = event->id;
	memcpy(&cm, event->param.conn.private_data, sizeof(cm));
	if (c->reject)
		false_reject(&donor, c);
	false_queues(&donor);
	if (c->spoil_cm)
		c->spoil_cm(&cm);
	param.private_data = &cm;
	param.private_data_len = sizeof(cm);
	param.rnr_retry_count = 7;
	NEED(!rdma_accept(donor.id, &param));
	if (!c->spoil_cm)
		false_answer(&donor, c);
	pause();
}

static void magic(union dmem_wire_msg *msg)
{
	msg->header.magic = htole32(0x12345678);
}

static void version(union dmem_wire_msg *msg)
{
	msg->header.version = htole16(DMEM_WIRE_VERSION + 1);
}

static void sequence(union dmem_wire_msg *msg)
{
	msg->header.seq = htole32(77);
}

static void trailing(union dmem_wire_msg *msg)
{
	msg->bytes[DMEM_WIRE_MSG_BYTES - 1] = 1;
}

static void no_epoch(union dmem_wire_msg *msg)
{
	msg->challenge.epoch = 0;
}

static void unexpected(union dmem_wire_msg *msg)
{
	dmem_wire_begin(msg, DMEM_WIRE_LEFT, dmem_le32(msg->header.seq));
}

static void clients(union dmem_wire_msg *msg)
{
	dmem_wire_begin(msg, DMEM_WIRE_RENEW, dmem_le32(msg->header.seq));
}

static void noise(union dmem_wire_msg *msg)
{
	for (unsigned int i = 0; i < DMEM_WIRE_MSG_BYTES; i++)
		msg->bytes[i] = i * 37 + 11;
}

static void with_key(union dmem_wire_msg *msg)
{
	msg->challenge.flags = htole32(DMEM_WIRE_F_KEY);
}

static void extent_size(union dmem_wire_msg *msg)
{
	msg->accept.extent_bytes = htole64(3 * MIB);
}

static void cm_magic(struct dmem_wire_cm *cm)
{
	cm->magic = htole32(1);
}

static void cm_session(struct dmem_wire_cm *cm)
{
	cm->session = htole64(1);
}

static void reject_version(struct dmem_wire_reject *reject)
{
	reject->version = htole16(9);
	reject->code = htole16(DMEM_WIRE_BAD_VERSION);
	strcpy(reject->reason, "version 9 is spoken here");
}

static void reject_binary(struct dmem_wire_reject *reject)
{
	strcpy(reject->reason, "\033[2J");
}

static const struct bad_case cases[] = {
	{ "no_magic", EPROTO, "no dmem message", .spoil = magic },
	{ "another_version", EPROTO, "message of another version", .spoil = version },
	{ "another_sequence", EPROTO, "what nobody asked for", .spoil = sequence },
	{ "trailing_bytes", EPROTO, "bytes after the last field", .spoil = trailing },
	{ "no_epoch", EPROTO, "challenge: no epoch", .spoil = no_epoch },
	{ "unexpected", EPROTO, "what nobody asked for", .spoil = unexpected },
	{ "of_a_client", EPROTO, "this end never sends", .spoil = clients },
	{ "noise", EPROTO, "no dmem message", .spoil = noise },
	{ "short", EPROTO, "message of another length", .len = 100 },
	{ "key_nobody_has", EACCES, "one end has a key", .spoil = with_key },
	{ "wrong_proof", EACCES, "does not know the key", .accept_right = true },
	{ "odd_extents", EPROTO, "size of extents", .accept_right = true, .spoil = extent_size },
	{ "reply_no_magic", EPROTO, "without dmem's private data", .spoil_cm = cm_magic },
	{ "reply_of_another", EPROTO, "field out of range", .spoil_cm = cm_session },
	{ "rejected", EPROTO, "too many of you", .reject = true },
	{ "rejected_version", EPROTONOSUPPORT, "version 9", .reject = true,
	  .spoil_reject = reject_version },
	{ "rejected_binary", ECONNREFUSED, "cannot be reached: -111", .reject = true,
	  .spoil_reject = reject_binary },
	{ "silent", ETIMEDOUT, "does not answer", .len = UINT32_MAX },
};

static void run_case(const struct bad_case *c)
{
	int ready[2], status, err;
	pid_t pid;
	char byte;

	CHECK(!pipe(ready));
	fflush(stdout);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		false_donor(c, ready[1]);
	CHECK(read(ready[0], &byte, 1) == 1);
	kernel_says(NULL);
	err = pool_try_mount(WHERE ",timeout_ms=1000") ? errno : 0;
	CHECK_MSG(!waitpid(pid, &status, WNOHANG), "%s: the false donor has ended: %#x", c->name,
		  status);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	CHECK_MSG(err == c->want, "%s: errno %d, not %d", c->name, err, c->want);
	CHECK_MSG(kernel_says(c->says), "%s: the log does not say '%s'", c->name, c->says);
	close(ready[0]);
	close(ready[1]);
}

static void test_badpeer(void)
{
	struct donor_process donor;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		run_case(&cases[i]);
		printf("# %s\n", cases[i].name);
	}
	/* And a real one is welcome. */
	donor_start(&donor, DONOR);
	pool_mount(WHERE);
	CHECK(!umount(POOL));
	donor_kill(&donor, SIGKILL);
}

static const struct test tests[] = {
	{ "rdma_badpeer", test_badpeer },
	{}
};

int main(int argc, char **argv)
{
	return pool_main(tests, argc, argv);
}
