// SPDX-License-Identifier: GPL-2.0
/*
 * memnode_refusals.c - the donor daemon and clients that are wrong, strangers, or hostile: each
 * is refused with the right reason, logged and counted, and the others do not notice.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <sys/random.h>
#include <sys/socket.h>

#include "../rdma/donor.h"

#define SMALL		"--extent 2M --renew 30000 --memory "
#define METRICS_PORT	9471
#define WITH_METRICS	" --metrics 127.0.0.1:9471"
#define REPLY_MS	(5000 * (int)slowness())

/* The reply is a fatal ERROR with this code, and then the connection ends. */
static void expect_end(struct peer *peer, enum dmem_wire_code code)
{
	union dmem_wire_msg reply;

	CHECK_MSG(peer_receive(peer, &reply, REPLY_MS), "no answer, not %s",
		  dmem_wire_code_name(code));
	CHECK_MSG(dmem_le16(reply.header.type) == DMEM_WIRE_ERROR, "message type %u, not %s",
		  dmem_le16(reply.header.type), dmem_wire_code_name(code));
	CHECK_MSG(dmem_le32(reply.error.code) == code, "%s (%s), not %s",
		  dmem_wire_code_name(dmem_le32(reply.error.code)), reply.error.reason,
		  dmem_wire_code_name(code));
	CHECK(dmem_le16(reply.error.flags) == DMEM_WIRE_F_FATAL);
	CHECK_MSG(peer_ended(&peer->control, REPLY_MS), "the connection does not end");
	peer_drop(peer);
}

static void expect_reject(struct peer_conn *conn, enum dmem_wire_code code)
{
	CHECK_MSG(!conn->connected, "accepted, not %s", dmem_wire_code_name(code));
	CHECK_MSG(dmem_le16(conn->reject.code) == code, "%s (%s), not %s",
		  dmem_wire_code_name(dmem_le16(conn->reject.code)), conn->reject.reason,
		  dmem_wire_code_name(code));
	CHECK(dmem_le16(conn->reject.version) == DMEM_WIRE_VERSION);
	peer_close(conn);
}

static void new_peer(struct peer *peer, const uint8_t *key)
{
	peer_init(peer, DONOR_ADDRESS, DONOR_PORT, key);
}

static void connect_peer(struct peer *peer, const uint8_t *key)
{
	new_peer(peer, key);
	CHECK_MSG(peer_connect_control(peer), "%s", peer->control.reject.reason);
}

/* An HTTP request; what comes back is in a buffer that is there until the next one. */
static const char *http(const char *request)
{
	const struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(METRICS_PORT),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	static char text[1 << 16];
	size_t got = 0;
	ssize_t len;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	CHECK(fd >= 0 && !connect(fd, (const void *)&to, sizeof(to)));
	CHECK(write(fd, request, strlen(request)) == (ssize_t)strlen(request));
	while (got < sizeof(text) - 1 && (len = read(fd, text + got, sizeof(text) - 1 - got)) > 0)
		got += len;
	text[got] = 0;
	close(fd);
	return text;
}

static const char *scrape(void)
{
	return http("GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
}

static void expect_metric(const char *line)
{
	char wanted[160];

	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	CHECK_MSG(strstr(scrape(), wanted), "no line '%s'", line);
}

static void expect_count(enum dmem_wire_code code, unsigned int count)
{
	char line[128];

	snprintf(line, sizeof(line), "dmem_memnode_refused_total{code=\"%s\"} %u",
		 dmem_wire_code_name(code), count);
	expect_metric(line);
}

static void keys(void)
{
	struct donor_process donor;
	union dmem_wire_msg msg;
	uint8_t other[DMEM_WIRE_KEY_BYTES] = { 1 };
	struct peer peer;

	donor_start(&donor, SMALL "4M %K" WITH_METRICS);
	connect_peer(&peer, other);
	peer_challenge(&peer);
	peer_proof(&peer, &msg);
	peer_send(&peer, &msg, sizeof(msg));
	expect_end(&peer, DMEM_WIRE_BAD_PROOF);
	CHECK(donor_said(&donor, "(selftest): bad-proof: the proof is wrong: another key"));
	expect_count(DMEM_WIRE_BAD_PROOF, 1);
	connect_peer(&peer, NULL);
	peer_hello(&peer, &msg);
	peer_send(&peer, &msg, sizeof(msg));
	expect_end(&peer, DMEM_WIRE_KEY_NEEDED);
	expect_count(DMEM_WIRE_KEY_NEEDED, 1);
	donor_kill(&donor, SIGKILL);
	donor_start(&donor, SMALL "4M");
	connect_peer(&peer, donor_key);
	peer_hello(&peer, &msg);
	peer_send(&peer, &msg, sizeof(msg));
	expect_end(&peer, DMEM_WIRE_KEY_NEEDED);
}

static void replays(void)
{
	union dmem_wire_msg hello, proof;
	struct donor_process donor;
	struct peer peer;

	donor_start(&donor, SMALL "4M %K" WITH_METRICS);
	connect_peer(&peer, donor_key);
	peer_hello(&peer, &hello);
	peer_send(&peer, &hello, sizeof(hello));
	CHECK(peer_receive(&peer, &proof, REPLY_MS));
	peer.handshake.challenge = proof.challenge;
	peer_proof(&peer, &proof);
	peer_drop(&peer);
	CHECK(peer_connect_control(&peer));
	peer_send(&peer, &hello, sizeof(hello));
	expect_end(&peer, DMEM_WIRE_REPLAY);
	expect_count(DMEM_WIRE_REPLAY, 1);
	CHECK(peer_connect_control(&peer));
	peer_challenge(&peer);
	peer_send(&peer, &proof, sizeof(proof));
	expect_end(&peer, DMEM_WIRE_BAD_PROOF);
	CHECK(donor_said(&donor, "replay: this hello came before"));
}

/* Who knows a client's id and the shared key is not that client. */
static void another_clients_leases(void)
{
	struct donor_process donor;
	struct peer owner, thief;
	struct peer_lease lease;
	union dmem_wire_msg msg;

	donor_start(&donor, SMALL "4M %K");
	new_peer(&owner, donor_key);
	peer_open(&owner);
	CHECK(!peer_lease(&owner, 0, 0, &lease));
	connect_peer(&thief, donor_key);
	memcpy(thief.id, owner.id, sizeof(thief.id));
	peer_challenge(&thief);
	CHECK(dmem_le32(thief.handshake.challenge.flags) & DMEM_WIRE_F_KNOWN);
	peer_proof(&thief, &msg);
	peer_send(&thief, &msg, sizeof(msg));
	expect_end(&thief, DMEM_WIRE_BAD_PROOF);
	CHECK(!peer_renew(&owner, 0));
}

static void not_allowed(void)
{
	struct donor_process donor;
	struct peer peer;

	donor_start(&donor, SMALL "4M %K --allow 10.99.0.0/16 --allow fd00::/8" WITH_METRICS);
	new_peer(&peer, donor_key);
	peer_connect_control(&peer);
	expect_reject(&peer.control, DMEM_WIRE_NOT_ALLOWED);
	CHECK(donor_said(&donor, "not-allowed: not in --allow"));
	expect_count(DMEM_WIRE_NOT_ALLOWED, 1);
	donor_kill(&donor, SIGKILL);
	donor_start(&donor, SMALL "4M %K --allow 10.99.0.0/16 --allow 10.77.0.0/16");
	peer_open(&peer);
}

static void connect_with(struct peer *peer, const struct dmem_wire_cm *cm, size_t len,
			 enum dmem_wire_code code)
{
	peer_connect(peer, &peer->control, cm, len);
	expect_reject(&peer->control, code);
}

static void connection_requests(void)
{
	const struct dmem_wire_cm good = {
		.magic = htole32(DMEM_WIRE_MAGIC), .version = htole16(DMEM_WIRE_VERSION),
		.purpose = htole16(DMEM_WIRE_CONTROL),
	};
	struct donor_process donor;
	struct dmem_wire_cm cm;
	struct peer peer;

	donor_start(&donor, SMALL "4M %K");
	new_peer(&peer, donor_key);
	cm = good;
	cm.version = htole16(DMEM_WIRE_VERSION + 1);
	connect_with(&peer, &cm, sizeof(cm), DMEM_WIRE_BAD_VERSION);
	CHECK(donor_said(&donor, "bad-version: connection of another version"));
	connect_with(&peer, &good, 0, DMEM_WIRE_MALFORMED);
	/* What is missing comes as zeros. */
	connect_with(&peer, &good, 6, DMEM_WIRE_MALFORMED);
	cm = good;
	cm.purpose = htole16(9);
	connect_with(&peer, &cm, sizeof(cm), DMEM_WIRE_MALFORMED);
	cm = good;
	cm.proof[3] = 1;
	connect_with(&peer, &cm, sizeof(cm), DMEM_WIRE_MALFORMED);
	peer_open(&peer);
}

static void data_connections(void)
{
	struct donor_process donor;
	struct dmem_wire_cm cm;
	struct peer_lease lease;
	struct peer_conn second;
	struct peer peer;

	donor_start(&donor, SMALL "4M %K --data-connections 2");
	new_peer(&peer, donor_key);
	peer_open(&peer);
	CHECK(!peer_lease(&peer, 0, 0, &lease));
	peer_join_cm(&peer, &cm, 0, 1);
	cm.proof[0] ^= 1;
	peer_connect(&peer, &peer.data, &cm, sizeof(cm));
	expect_reject(&peer.data, DMEM_WIRE_BAD_PROOF);
	peer_join_cm(&peer, &cm, 2, 1);
	peer_connect(&peer, &peer.data, &cm, sizeof(cm));
	expect_reject(&peer.data, DMEM_WIRE_MALFORMED);
	cm.session ^= 1;
	peer_connect(&peer, &peer.data, &cm, sizeof(cm));
	expect_reject(&peer.data, DMEM_WIRE_NO_SESSION);
	peer_join(&peer);
	/* The request that was just accepted, once more. */
	peer_join_cm(&peer, &cm, 0, peer.attempt);
	peer_connect(&peer, &second, &cm, sizeof(cm));
	expect_reject(&second, DMEM_WIRE_REPLAY);
	CHECK(!peer_io(&peer.data, IBV_WR_RDMA_WRITE, lease.address, lease.rkey, 4096));
	/* A newer one of the same index takes its place. */
	second = peer.data;
	memset(&peer.data, 0, sizeof(peer.data));
	peer_join(&peer);
	CHECK_MSG(peer_ended(&second, REPLY_MS), "the older one is still there");
	CHECK(!peer_io(&peer.data, IBV_WR_RDMA_READ, lease.address, lease.rkey, 4096));
	peer_close(&second);
	/* Nobody takes what is sent there; the donor must not care. */
	CHECK(!peer_renew(&peer, 0));
}

static void outside_an_extent(void)
{
	struct donor_process donor;
	struct peer_lease lease;
	struct peer peer;

	donor_start(&donor, SMALL "8M %K");
	new_peer(&peer, donor_key);
	peer_open(&peer);
	peer_join(&peer);
	CHECK(!peer_lease(&peer, 0, 0, &lease));
	CHECK(peer_io(&peer.data, IBV_WR_RDMA_WRITE, lease.address + lease.length - 2048,
		      lease.rkey, 4096) == IBV_WC_REM_ACCESS_ERR);
	peer_close(&peer.data);
	peer_join(&peer);
	CHECK(peer_io(&peer.data, IBV_WR_RDMA_READ, lease.address - 4096, lease.rkey, 4096) ==
	      IBV_WC_REM_ACCESS_ERR);
	CHECK(!peer_renew(&peer, 0));
}

/* Before HELLO, then in a session; another session lives through all of it. */
static void wrong_messages(void)
{
	struct donor_process donor;
	union dmem_wire_msg msg;
	struct peer peer, other;
	uint8_t long_one[512] = { 0 };

	donor_start(&donor, SMALL "4M %K" WITH_METRICS);
	new_peer(&other, donor_key);
	peer_open(&other);
	connect_peer(&peer, donor_key);
	memset(&msg, 0xa5, sizeof(msg));
	peer_send(&peer, &msg, sizeof(msg));
	expect_end(&peer, DMEM_WIRE_MALFORMED);
	connect_peer(&peer, donor_key);
	peer_hello(&peer, &msg);
	peer_send(&peer, &msg, 100);
	expect_end(&peer, DMEM_WIRE_MALFORMED);
	connect_peer(&peer, donor_key);
	peer_send(&peer, &msg, 0);
	expect_end(&peer, DMEM_WIRE_MALFORMED);
	connect_peer(&peer, donor_key);
	peer_send(&peer, long_one, sizeof(long_one));
	CHECK(peer_ended(&peer.control, REPLY_MS));
	peer_drop(&peer);
	expect_count(DMEM_WIRE_MALFORMED, 4);
	connect_peer(&peer, donor_key);
	peer_hello(&peer, &msg);
	msg.header.version = htole16(DMEM_WIRE_VERSION + 1);
	peer_send(&peer, &msg, sizeof(msg));
	expect_end(&peer, DMEM_WIRE_BAD_VERSION);
	connect_peer(&peer, donor_key);
	peer_begin(&peer, &msg, DMEM_WIRE_STATS);
	peer_send(&peer, &msg, sizeof(msg));
	expect_end(&peer, DMEM_WIRE_UNEXPECTED);
	CHECK(!peer_renew(&other, 0));
	CHECK(donor_said(&donor, "malformed: message of another length"));
	CHECK(donor_said(&donor, "malformed: longer than a message"));
}

static void wrong_requests(void)
{
	struct donor_process donor;
	union dmem_wire_msg msg;
	struct peer peer;
	unsigned int i;

	donor_start(&donor, SMALL "64M %K");
	new_peer(&peer, donor_key);
	peer_open(&peer);
	peer_hello(&peer, &msg);
	peer_send(&peer, &msg, sizeof(msg));
	expect_end(&peer, DMEM_WIRE_UNEXPECTED);
	new_peer(&peer, donor_key);
	peer_open(&peer);
	peer.seq -= 1;
	peer_begin(&peer, &msg, DMEM_WIRE_STATS);
	peer_send(&peer, &msg, sizeof(msg));
	expect_end(&peer, DMEM_WIRE_REPLAY);
	new_peer(&peer, donor_key);
	peer_open(&peer);
	peer_begin(&peer, &msg, DMEM_WIRE_RENEW);
	msg.renew.used_bytes = htole64(1);
	peer_send(&peer, &msg, sizeof(msg));
	expect_end(&peer, DMEM_WIRE_MALFORMED);
	/* Leases take longer than it takes to ask for more than may be asked for. */
	new_peer(&peer, donor_key);
	peer_open(&peer);
	for (i = 0; i < 3 * DMEM_WIRE_WINDOW; i++) {
		peer_begin(&peer, &msg, DMEM_WIRE_LEASE);
		msg.lease.extent = htole32(i);
		peer_send(&peer, &msg, sizeof(msg));
	}
	do {
		CHECK(peer_receive(&peer, &msg, REPLY_MS));
	} while (dmem_le16(msg.header.type) == DMEM_WIRE_LEASED);
	CHECK(dmem_le32(msg.error.code) == DMEM_WIRE_UNEXPECTED);
	peer_drop(&peer);
	peer_open(&peer);
	CHECK(peer_leave(&peer));
}

/* As many as may be, and one; then their time is up, and there is room again. */
static void too_many_strangers(void)
{
	static struct peer strangers[64], one_more;
	struct donor_process donor;
	union dmem_wire_msg msg;
	unsigned int i;

	donor_start(&donor, SMALL "4M %K" WITH_METRICS);
	for (i = 0; i < 64; i++) {
		new_peer(&strangers[i], donor_key);
		if (!peer_connect_control(&strangers[i]))
			break;
	}
	CHECK_MSG(i == 64, "only %u strangers", i);
	/* On a slow machine the first ones' time is up before the last one is there. */
	new_peer(&one_more, donor_key);
	if (!peer_connect_control(&one_more))
		expect_reject(&one_more.control, DMEM_WIRE_BUSY);
	else
		CHECK_MSG(donor_said(&donor, "late: the handshake took too long"), "65 strangers");
	peer_drop(&one_more);
	CHECK(peer_receive(&strangers[0], &msg, 3 * REPLY_MS));
	CHECK(dmem_le32(msg.error.code) == DMEM_WIRE_LATE);
	for (i = 0; i < 64; i++)
		peer_drop(&strangers[i]);
	sleep(1);
	expect_metric("dmem_memnode_handshakes 0");
	new_peer(&one_more, donor_key);
	peer_open(&one_more);
}

/* Bytes at random, and messages that are nearly right, from whoever has the key. */
static void random_bytes(void)
{
	struct donor_process donor;
	union dmem_wire_msg msg;
	struct peer peer, other;
	unsigned int i, at, before;

	donor_start(&donor, SMALL "8M %K");
	new_peer(&other, donor_key);
	peer_open(&other);
	srandom(3);
	before = donor_fds(&donor);
	for (i = 0; i < 60; i++) {
		new_peer(&peer, donor_key);
		if (i % 2)
			peer_open(&peer);
		else
			CHECK(peer_connect_control(&peer));
		for (at = 0; at < 6; at++) {
			peer_begin(&peer, &msg, 1 + random() % DMEM_WIRE_TYPES);
			if (i % 3)
				msg.bytes[random() % sizeof(msg)] ^= 1 << random() % 8;
			else
				CHECK(getrandom(msg.bytes + 16, sizeof(msg) - 16, 0) > 0);
			peer_send(&peer, &msg, random() % 9 ? sizeof(msg) :
								   (size_t)random() % 256);
		}
		peer_ended(&peer.control, 200);
		peer_drop(&peer);
		CHECK_MSG(donor_alive(&donor), "the donor is dead");
	}
	CHECK(!peer_renew(&other, 0));
	sleep(2);
	CHECK_MSG(donor_fds(&donor) <= before, "%u descriptors, %u before", donor_fds(&donor),
		  before);
}

static void metrics(void)
{
	struct donor_process donor;
	struct peer_lease lease;
	const char *text, *body;
	struct peer peer;

	donor_start(&donor, SMALL "8M %K" WITH_METRICS);
	new_peer(&peer, donor_key);
	peer_open(&peer);
	peer_join(&peer);
	CHECK(!peer_lease(&peer, 0, 0, &lease));
	CHECK(!peer_renew(&peer, 8192));
	text = scrape();
	CHECK(!strncmp(text, "HTTP/1.1 200 ", 13));
	CHECK(strstr(text, "\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
	body = strstr(text, "\r\n\r\n");
	CHECK(body && strlen(body) > 6 && !strcmp(body + strlen(body) - 6, "# EOF\n"));
	expect_metric("dmem_memnode_memory_bytes 8388608");
	expect_metric("dmem_memnode_lent_bytes 2097152");
	expect_metric("dmem_memnode_used_bytes 8192");
	expect_metric("dmem_memnode_sessions 1");
	expect_metric("dmem_memnode_data_connections 1");
	CHECK(!strncmp(http("GET /other HTTP/1.0\r\n\r\n"), "HTTP/1.0 404 ", 13) ||
	      !strncmp(http("GET /other HTTP/1.0\r\n\r\n"), "HTTP/1.1 404 ", 13));
	CHECK(strstr(http("POST /metrics HTTP/1.0\r\nContent-Length: 0\r\n\r\n"), " 405 "));
	CHECK(donor_alive(&donor));
}

static void wrong_options(void)
{
	static const struct {
		const char *options, *says;
		int status;
	} wrong[] = {
		{ "--memory 4M", "--listen is needed", 2 },
		{ "--listen 10.77.0.1 --memory 100M",
		  "--memory 100M: not whole extents of 64M", 2 },
		{ "--listen 10.77.0.1 --memory 640G", "--memory 640G: this host has ", 1 },
		{ "--listen 192.0.2.1 --memory 64M", "--listen 192.0.2.1:7471: ", 1 },
		{ "--listen 10.77.0.1 --memory 64M --device mlx9_0",
		  "--device mlx9_0: there is no such RDMA device", 1 },
		{ "--listen 10.77.0.1 --memory 64M --backing /usr",
		  "/usr: on neither tmpfs nor hugetlbfs", 1 },
		{ "--listen 10.77.0.1 --memory 64M --key-file /nowhere",
		  "/nowhere: No such file or directory", 1 },
		{ "--listen 10.77.0.1 --memory 64M --key-file /etc/passwd",
		  "/etc/passwd: mode 0644: others than its owner may use it", 1 },
		{ "--listen 10.77.0.1 --memory 64M --metrics 192.0.2.1:80",
		  "--metrics 192.0.2.1:80: ", 1 },
		{ "--listen 10.77.0.1 --memory 64M --hugepages", "memory", 1 },
	};
	struct donor_process donor;
	char said[2048];
	unsigned int i;
	int status;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		status = donor_run(wrong[i].options, said, sizeof(said));
		CHECK_MSG(status == wrong[i].status && strstr(said, wrong[i].says),
			  "%.120s: status %d: %.200s", wrong[i].options, status, said);
	}
	donor_start(&donor, "--memory 64M");
	CHECK(donor_run("--listen 10.77.0.1 --memory 64M", said, sizeof(said)) == 1);
	CHECK_MSG(strstr(said, "--listen 10.77.0.1:7471: somebody else listens there"), "%.300s",
		  said);
}

static const struct test tests[] = {
	{ "keys", keys },
	{ "replays", replays },
	{ "another_clients_leases", another_clients_leases },
	{ "not_allowed", not_allowed },
	{ "connection_requests", connection_requests },
	{ "data_connections", data_connections },
	{ "outside_an_extent", outside_an_extent },
	{ "wrong_messages", wrong_messages },
	{ "wrong_requests", wrong_requests },
	{ "too_many_strangers", too_many_strangers },
	{ "random_bytes", random_bytes },
	{ "metrics", metrics },
	{ "wrong_options", wrong_options },
	{}
};

int main(int argc, char **argv)
{
	return rdma_main(tests, argc, argv);
}
