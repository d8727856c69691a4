// SPDX-License-Identifier: GPL-2.0
/*
 * memnode.c - the donor daemon as a client sees it that does everything right: sessions, leases,
 * pages, reconnection, restarts, the end. memnode_refusals.c does everything wrong.
 */
#include <limits.h>
#include <sys/wait.h>

#include "../rdma/donor.h"

#define EXTENT		(2 * MIB)
#define BACKING		"/run/dmem-backing"
/* Only the tests that say so are in a hurry: peers do not renew by themselves. */
#define HASTY		"--extent 2M %K --memory "
#define SMALL		"--renew 30000 " HASTY

static void fill(struct peer_conn *conn, uint8_t seed, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		conn->memory[i] = seed + i * 7 + (i >> 12);
}

static bool is_filled(const struct peer_conn *conn, uint8_t seed, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++) {
		if (conn->memory[i] != (uint8_t)(seed + i * 7 + (i >> 12)))
			return false;
	}
	return true;
}

/* The whole of an extent, by as much as the peer's memory holds. */
static void write_all(struct peer *peer, const struct peer_lease *lease, uint8_t seed)
{
	uint64_t at;

	for (at = 0; at < lease->length; at += PEER_MEMORY) {
		fill(&peer->data, seed + (at >> 20), PEER_MEMORY);
		CHECK(!peer_io(&peer->data, IBV_WR_RDMA_WRITE, lease->address + at, lease->rkey,
			       PEER_MEMORY));
	}
}

static void read_at(struct peer *peer, const struct peer_lease *lease, uint64_t at)
{
	memset(peer->data.memory, 0x55, PEER_MEMORY);
	CHECK(!peer_io(&peer->data, IBV_WR_RDMA_READ, lease->address + at, lease->rkey,
		       PEER_MEMORY));
}

static void check_all(struct peer *peer, const struct peer_lease *lease, uint8_t seed)
{
	uint64_t at;

	for (at = 0; at < lease->length; at += PEER_MEMORY) {
		read_at(peer, lease, at);
		CHECK_MSG(is_filled(&peer->data, seed + (at >> 20), PEER_MEMORY),
			  "other bytes than were written, at %lu", at);
	}
}

static void check_zeros(struct peer *peer, const struct peer_lease *lease)
{
	uint64_t at;

	for (at = 0; at < lease->length; at += PEER_MEMORY) {
		read_at(peer, lease, at);
		CHECK_MSG(dmem_wire_is_zero(peer->data.memory, PEER_MEMORY),
			  "a new lease does not read as zeros at %lu", at);
	}
}

static struct peer_lease lease(struct peer *peer, uint32_t extent)
{
	struct peer_lease lease;
	unsigned int code = peer_lease(peer, extent, 0, &lease);

	CHECK_MSG(!code, "LEASE %u: %s", extent, dmem_wire_code_name(code));
	return lease;
}

static void open_with_data(struct peer *peer, const uint8_t *key)
{
	peer_init(peer, DONOR_ADDRESS, DONOR_PORT, key);
	peer_open(peer);
	peer_join(peer);
}

static void handshake(void)
{
	struct donor_process donor;
	struct peer peer;

	donor_start(&donor, HASTY "16M --renew 700 --grace 30 --data-connections 3");
	peer_init(&peer, DONOR_ADDRESS, DONOR_PORT, donor_key);
	peer_open(&peer);
	CHECK(dmem_le64(peer.accept.extent_bytes) == EXTENT);
	CHECK(dmem_le64(peer.accept.lendable_bytes) == 16 * MIB && !peer.accept.kept_bytes);
	CHECK(dmem_le32(peer.accept.renew_ms) == 700);
	CHECK(dmem_le32(peer.accept.grace_ms) == 30000);
	CHECK(dmem_le16(peer.accept.max_data_conns) == 3 && !peer.accept.flags);
	CHECK(!peer_renew(&peer, 0));
	CHECK(peer_leave(&peer) == 0);
	CHECK(donor_said(&donor, "(selftest) begins"));
}

static void without_key(void)
{
	struct donor_process donor;
	struct peer peer;

	donor_start(&donor, "--renew 30000 --extent 2M --memory 4M");
	open_with_data(&peer, NULL);
	lease(&peer, 0);
	CHECK(peer_leave(&peer) == EXTENT);
}

static void pages(void)
{
	struct donor_process donor;
	struct peer_lease one, other;
	struct peer peer;

	donor_start(&donor, SMALL "8M");
	open_with_data(&peer, donor_key);
	one = lease(&peer, 3);
	other = lease(&peer, 7);
	CHECK(other.lendable_bytes == 2 * EXTENT && one.generation != other.generation);
	check_zeros(&peer, &one);
	write_all(&peer, &one, 1);
	write_all(&peer, &other, 100);
	check_all(&peer, &one, 1);
	check_all(&peer, &other, 100);
	CHECK(!peer_renew(&peer, 2 * EXTENT));
}

/* One extent is all there is: what is lent again is the same memory. */
static void lent_again_as_zeros(void)
{
	struct donor_process donor;
	struct peer first, second;
	struct peer_lease old, new;

	donor_start(&donor, SMALL "2M");
	open_with_data(&first, donor_key);
	open_with_data(&second, donor_key);
	old = lease(&first, 0);
	write_all(&first, &old, 9);
	CHECK(peer_lease(&second, 0, 0, &new) == DMEM_WIRE_FULL);
	peer_release(&first, &old);
	peer_release(&first, &old);
	new = lease(&second, 0);
	CHECK(new.generation != old.generation);
	check_zeros(&second, &new);
	/* In the same number's place: released first. */
	write_all(&second, &new, 5);
	old = new;
	new = lease(&second, 0);
	CHECK(new.generation != old.generation);
	check_zeros(&second, &new);
	peer_leave(&second);
	new = lease(&first, 1);
	check_zeros(&first, &new);
}

/* The extent is behind the client for good, also for a client that does not care. */
static void rkeys_die(void)
{
	struct donor_process donor;
	struct peer peer;
	struct peer_lease old;

	donor_start(&donor, SMALL "4M");
	open_with_data(&peer, donor_key);
	old = lease(&peer, 0);
	write_all(&peer, &old, 1);
	peer_release(&peer, &old);
	CHECK(peer_io(&peer.data, IBV_WR_RDMA_READ, old.address, old.rkey, 4096) ==
	      IBV_WC_REM_ACCESS_ERR);
}

static void rkey_of_another_session(void)
{
	struct donor_process donor;
	struct peer owner, thief;
	struct peer_lease mine;
	int status;

	donor_start(&donor, SMALL "4M");
	open_with_data(&owner, donor_key);
	open_with_data(&thief, donor_key);
	mine = lease(&owner, 0);
	lease(&thief, 0);
	write_all(&owner, &mine, 1);
	memset(thief.data.memory, 0, 4096);
	status = peer_io(&thief.data, IBV_WR_RDMA_WRITE, mine.address, mine.rkey, 4096);
	CHECK_MSG(status == IBV_WC_REM_ACCESS_ERR, "WRITE: %s", ibv_wc_status_str(status));
	peer_join(&thief);
	status = peer_io(&thief.data, IBV_WR_RDMA_READ, mine.address, mine.rkey, 4096);
	CHECK_MSG(status == IBV_WC_REM_ACCESS_ERR, "READ: %s", ibv_wc_status_str(status));
	/* Nor its owner's control connection. */
	status = peer_io(&owner.control, IBV_WR_RDMA_WRITE, mine.address, mine.rkey, 4096);
	CHECK_MSG(status && status != IBV_WC_WR_FLUSH_ERR, "control: %s",
		  ibv_wc_status_str(status));
	peer_drop(&owner);
	peer_open(&owner);
	peer_join(&owner);
	CHECK(!peer_lease(&owner, 0, mine.generation, &mine));
	check_all(&owner, &mine, 1);
}

static void reconnected(void)
{
	struct donor_process donor;
	struct peer_lease kept, again;
	struct peer peer;

	donor_start(&donor, SMALL "8M");
	open_with_data(&peer, donor_key);
	kept = lease(&peer, 11);
	write_all(&peer, &kept, 77);
	peer_drop(&peer);
	peer_open(&peer);
	CHECK(dmem_le32(peer.handshake.challenge.flags) & DMEM_WIRE_F_KNOWN);
	CHECK(dmem_le64(peer.accept.kept_bytes) == EXTENT);
	CHECK(dmem_le64(peer.accept.lendable_bytes) == 3 * EXTENT);
	CHECK(peer_lease(&peer, 11, kept.generation + 1, &again) == DMEM_WIRE_LOST);
	CHECK(peer_lease(&peer, 12, kept.generation, &again) == DMEM_WIRE_LOST);
	CHECK(!peer_lease(&peer, 11, kept.generation, &again));
	peer_join(&peer);
	check_all(&peer, &again, 77);
	/* Asked twice in a session: the same answer. */
	kept = again;
	CHECK(!peer_lease(&peer, 11, kept.generation, &again));
	CHECK(again.rkey == kept.rkey && again.address == kept.address);
	CHECK(peer_leave(&peer) == EXTENT);
}

/* A newer session of the client: the older one is told, and nothing of it works any more. */
static void superseded(void)
{
	struct donor_process donor;
	union dmem_wire_msg msg;
	struct peer older, newer;
	struct peer_lease had;

	donor_start(&donor, SMALL "8M");
	open_with_data(&older, donor_key);
	had = lease(&older, 0);
	write_all(&older, &had, 3);
	newer = older;
	memset(&newer.control, 0, sizeof(newer.control));
	memset(&newer.data, 0, sizeof(newer.data));
	peer_open(&newer);
	CHECK(peer_receive(&older, &msg, 20000 * slowness()));
	CHECK(dmem_le16(msg.header.type) == DMEM_WIRE_ERROR && !msg.header.seq);
	CHECK(dmem_le32(msg.error.code) == DMEM_WIRE_SUPERSEDED);
	CHECK(peer_ended(&older.control, 20000 * slowness()));
	CHECK(peer_ended(&older.data, 20000 * slowness()));
	CHECK(peer_cut_off(&older.data, had.address, had.rkey));
	peer_join(&newer);
	CHECK(!peer_lease(&newer, 0, had.generation, &had));
	check_all(&newer, &had, 3);
}

/* What waits for its answer is answered in order, however many are under way. */
static void window(void)
{
	struct donor_process donor;
	union dmem_wire_msg msg;
	struct peer peer;
	unsigned int i, round;

	donor_start(&donor, SMALL "32M");
	open_with_data(&peer, donor_key);
	for (round = 0; round < 4; round++) {
		uint32_t first = peer.seq + 1;

		for (i = 0; i < DMEM_WIRE_WINDOW; i++) {
			peer_begin(&peer, &msg, i % 2 ? DMEM_WIRE_RENEW : DMEM_WIRE_LEASE);
			if (!(i % 2))
				msg.lease.extent = htole32(i);
			peer_send(&peer, &msg, sizeof(msg));
		}
		for (i = 0; i < DMEM_WIRE_WINDOW; i++) {
			CHECK(peer_receive(&peer, &msg, 20000 * slowness()));
			CHECK(dmem_le32(msg.header.seq) == first + i);
			CHECK(dmem_le16(msg.header.type) ==
			      (i % 2 ? DMEM_WIRE_RENEWED : DMEM_WIRE_LEASED));
		}
	}
}

static void restarted_on_backing(void)
{
	const char *options = SMALL "8M --backing " BACKING;
	struct peer_lease kept, other;
	struct donor_process donor;
	struct peer peer, stranger;
	uint64_t epoch;

	CHECK(!mkdir(BACKING, 0700) || errno == EEXIST);
	donor_start(&donor, options);
	open_with_data(&peer, donor_key);
	kept = lease(&peer, 4);
	other = lease(&peer, 5);
	write_all(&peer, &kept, 21);
	write_all(&peer, &other, 22);
	peer_release(&peer, &other);
	epoch = peer.handshake.challenge.epoch;
	CHECK(donor_kill(&donor, SIGKILL) == -SIGKILL);
	CHECK_MSG(peer_ended(&peer.control, 20000 * slowness()), "a dead donor is not noticed");
	peer_drop(&peer);
	donor_start(&donor, options);
	CHECK(donor_said(&donor, "found its memory, 1 extents of 1 clients kept"));
	peer_open(&peer);
	CHECK(peer.handshake.challenge.epoch == epoch);
	CHECK(dmem_le64(peer.accept.kept_bytes) == EXTENT);
	peer_join(&peer);
	CHECK(!peer_lease(&peer, 4, kept.generation, &kept));
	check_all(&peer, &kept, 21);
	CHECK(peer_lease(&peer, 5, other.generation, &other) == DMEM_WIRE_LOST);
	open_with_data(&stranger, donor_key);
	other = lease(&stranger, 0);
	CHECK(other.generation != kept.generation);
	check_zeros(&stranger, &other);
	/* An upgrade: it ends at once, with what is lent. */
	CHECK(donor_kill(&donor, SIGINT) == 0);
	peer_drop(&peer);
	peer_drop(&stranger);
	donor_start(&donor, options);
	peer_open(&peer);
	CHECK(peer.handshake.challenge.epoch == epoch);
	CHECK(!peer_lease(&peer, 4, kept.generation, &kept));
	CHECK(donor_kill(&donor, SIGKILL) == -SIGKILL);
	CHECK(!unlink(BACKING "/memory") && !unlink(BACKING "/ledger") && !rmdir(BACKING));
}

static void restarted_empty(void)
{
	struct donor_process donor;
	struct peer_lease had;
	struct peer peer;
	uint64_t epoch;

	donor_start(&donor, SMALL "8M");
	open_with_data(&peer, donor_key);
	had = lease(&peer, 0);
	epoch = peer.handshake.challenge.epoch;
	donor_kill(&donor, SIGKILL);
	peer_drop(&peer);
	donor_start(&donor, SMALL "8M");
	peer_open(&peer);
	CHECK(peer.handshake.challenge.epoch != epoch);
	CHECK(!(dmem_le32(peer.handshake.challenge.flags) & DMEM_WIRE_F_KNOWN));
	CHECK(peer_lease(&peer, 0, had.generation, &had) == DMEM_WIRE_LOST);
}

static void silence_and_grace(void)
{
	struct donor_process donor;
	union dmem_wire_msg msg;
	struct peer peer, other;
	struct peer_lease had, new;

	donor_start(&donor, HASTY "2M --renew 1000 --grace 4");
	open_with_data(&peer, donor_key);
	had = lease(&peer, 0);
	CHECK(peer_receive(&peer, &msg, 20000 * slowness()));
	CHECK(dmem_le32(msg.error.code) == DMEM_WIRE_LATE);
	CHECK(peer_ended(&peer.control, 20000 * slowness()));
	peer_init(&other, DONOR_ADDRESS, DONOR_PORT, donor_key);
	peer_open(&other);
	CHECK(peer_lease(&other, 0, 0, &new) == DMEM_WIRE_FULL);
	CHECK(donor_said(&donor, "may come back to its 1 extents for 4 s"));
	peer_drop(&other);
	sleep(5);
	CHECK(donor_said(&donor, "did not come back in 4 s: its 1 extents are freed"));
	open_with_data(&other, donor_key);
	new = lease(&other, 0);
	check_zeros(&other, &new);
	CHECK(peer_ended(&peer.data, 20000 * slowness()));
	CHECK(peer_cut_off(&peer.data, had.address, had.rkey));
	peer_drop(&peer);
	peer_open(&peer);
	CHECK(!(dmem_le32(peer.handshake.challenge.flags) & DMEM_WIRE_F_KNOWN));
}

/* A stopped daemon's clients have not been silent. */
static void stopped_and_continued(void)
{
	struct donor_process donor;
	union dmem_wire_msg msg, reply;
	struct peer peer;

	donor_start(&donor, HASTY "4M --renew 1000");
	open_with_data(&peer, donor_key);
	CHECK(!kill(donor.pid, SIGSTOP));
	sleep(2);
	peer_begin(&peer, &msg, DMEM_WIRE_RENEW);
	peer_send(&peer, &msg, sizeof(msg));
	sleep(2);
	CHECK(!kill(donor.pid, SIGCONT));
	CHECK(peer_receive(&peer, &reply, 20000 * slowness()));
	CHECK_MSG(dmem_le16(reply.header.type) == DMEM_WIRE_RENEWED, "%s", reply.error.reason);
}

static void drained(void)
{
	struct donor_process donor;
	struct peer_lease had, more;
	struct peer peer;

	donor_start(&donor, SMALL "8M");
	CHECK_MSG(donor_kill(&donor, SIGTERM) == 0, "nothing was lent");
	donor_start(&donor, SMALL "8M");
	open_with_data(&peer, donor_key);
	had = lease(&peer, 0);
	write_all(&peer, &had, 1);
	CHECK(!peer_renew(&peer, 0));
	CHECK(!kill(donor.pid, SIGTERM));
	CHECK(donor_said(&donor, "draining"));
	CHECK(peer_renew(&peer, 0) == DMEM_WIRE_F_DRAINING);
	CHECK(peer_lease(&peer, 1, 0, &more) == DMEM_WIRE_DRAINING);
	check_all(&peer, &had, 1);
	CHECK(donor_wait(&donor, 500) == INT_MIN);
	peer_release(&peer, &had);
	CHECK(donor_wait(&donor, 20000 * slowness()) == 0);
}

static void drained_no_longer(void)
{
	struct donor_process donor;
	struct peer peer;

	donor_start(&donor, HASTY "8M --renew 600 --grace 2");
	open_with_data(&peer, donor_key);
	lease(&peer, 0);
	CHECK(!kill(donor.pid, SIGTERM));
	peer_renew(&peer, 0);
	CHECK_MSG(donor_wait(&donor, 6000 * slowness()) == 0, "the grace time has passed");
	peer_drop(&peer);
	donor_start(&donor, SMALL "8M");
	open_with_data(&peer, donor_key);
	lease(&peer, 0);
	CHECK(!kill(donor.pid, SIGTERM));
	CHECK(donor_said(&donor, "draining"));
	CHECK_MSG(donor_kill(&donor, SIGTERM) == 0, "told twice");
}

static void figures(void)
{
	struct dmem_wire_figures figures;
	struct donor_process donor;
	struct peer peer, other;
	struct peer_lease more;

	donor_start(&donor, SMALL "16M --quota 4M");
	open_with_data(&peer, donor_key);
	open_with_data(&other, donor_key);
	lease(&peer, 0);
	lease(&other, 0);
	lease(&other, 1);
	CHECK(peer_lease(&other, 2, 0, &more) == DMEM_WIRE_QUOTA);
	peer_stats(&peer, &figures);
	CHECK(dmem_le64(figures.total_bytes) == 16 * MIB);
	CHECK(dmem_le64(figures.lent_bytes) == 3 * EXTENT);
	CHECK(dmem_le64(figures.yours_bytes) == EXTENT);
	CHECK(dmem_le64(figures.lendable_bytes) == EXTENT);
	CHECK(dmem_le64(figures.refused) == 1 && figures.uptime_ns);
	CHECK(dmem_le32(figures.clients) == 2 && dmem_le32(figures.sessions) == 2);
}

/* Sessions, data connections and leases come and go, and leave nothing behind. */
static void nothing_left(void)
{
	struct donor_process donor;
	struct peer peer;
	unsigned int i, before;

	donor_start(&donor, SMALL "4M");
	open_with_data(&peer, donor_key);
	peer_drop(&peer);
	CHECK(donor_said(&donor, "ends"));
	usleep(200000);
	before = donor_fds(&donor);
	for (i = 0; i < 30; i++) {
		open_with_data(&peer, donor_key);
		if (i % 2) {
			peer_drop(&peer);
			continue;
		}
		lease(&peer, 0);
		CHECK(peer_leave(&peer) == EXTENT);
	}
	usleep(500000);
	CHECK_MSG(donor_fds(&donor) <= before, "%u descriptors, %u before", donor_fds(&donor),
		  before);
}

static const struct test tests[] = {
	{ "handshake", handshake },
	{ "without_key", without_key },
	{ "pages", pages },
	{ "lent_again_as_zeros", lent_again_as_zeros },
	{ "rkeys_die", rkeys_die },
	{ "rkey_of_another_session", rkey_of_another_session },
	{ "reconnected", reconnected },
	{ "superseded", superseded },
	{ "window", window },
	{ "restarted_on_backing", restarted_on_backing },
	{ "restarted_empty", restarted_empty },
	{ "silence_and_grace", silence_and_grace },
	{ "stopped_and_continued", stopped_and_continued },
	{ "drained", drained },
	{ "drained_no_longer", drained_no_longer },
	{ "figures", figures },
	{ "nothing_left", nothing_left },
	{}
};

int main(int argc, char **argv)
{
	return rdma_main(tests, argc, argv);
}
