// SPDX-License-Identifier: GPL-2.0
/* peer_wire.c - what a client says: handshake, leases, joining. */
#include <sys/random.h>

#include "peer.h"

#define ANSWER_MS	(30000 * (int)slowness())
#define DATA_CONNS	4

void peer_begin(struct peer *peer, union dmem_wire_msg *msg, enum dmem_wire_type type)
{
	dmem_wire_begin(msg, type, ++peer->seq);
}

void peer_ask(struct peer *peer, const union dmem_wire_msg *msg, union dmem_wire_msg *reply)
{
	peer_send(peer, msg, sizeof(*msg));
	CHECK_MSG(peer_receive(peer, reply, ANSWER_MS), "no answer to message type %u",
		  dmem_le16(msg->header.type));
}

static void expect(const union dmem_wire_msg *reply, enum dmem_wire_type type)
{
	uint16_t got = dmem_le16(reply->header.type);

	CHECK_MSG(got == type, "message type %u, not %u (%s: %s)", got, type,
		  got == DMEM_WIRE_ERROR ? dmem_wire_code_name(dmem_le32(reply->error.code)) : "",
		  got == DMEM_WIRE_ERROR ? reply->error.reason : "");
}

static void ask(struct peer *peer, const union dmem_wire_msg *msg, union dmem_wire_msg *reply,
		enum dmem_wire_type type)
{
	peer_ask(peer, msg, reply);
	expect(reply, type);
	CHECK(reply->header.seq == msg->header.seq);
}

void peer_hello(struct peer *peer, union dmem_wire_msg *msg)
{
	peer_begin(peer, msg, DMEM_WIRE_HELLO);
	CHECK(getrandom(msg->hello.nonce, sizeof(msg->hello.nonce), 0) ==
	      sizeof(msg->hello.nonce));
	memcpy(msg->hello.client, peer->id, sizeof(peer->id));
	strcpy(msg->hello.name, "selftest");
	msg->hello.flags = htole32(peer->has_key ? DMEM_WIRE_F_KEY : 0);
	msg->hello.data_conns = htole16(DATA_CONNS);
	peer->handshake.hello = msg->hello;
}

void peer_challenge(struct peer *peer)
{
	union dmem_wire_msg msg, reply;

	peer_hello(peer, &msg);
	ask(peer, &msg, &reply, DMEM_WIRE_CHALLENGE);
	peer->handshake.challenge = reply.challenge;
}

void peer_proof(struct peer *peer, union dmem_wire_msg *msg)
{
	bool known = dmem_le32(peer->handshake.challenge.flags) & DMEM_WIRE_F_KNOWN;

	peer_begin(peer, msg, DMEM_WIRE_PROOF);
	dmem_wire_mac_hello(msg->proof.proof, peer->key, DMEM_WIRE_LABEL_CLIENT,
			    &peer->handshake);
	if (known && peer->known)
		dmem_wire_mac_hello(msg->proof.resume, peer->resume_key, DMEM_WIRE_LABEL_RESUME,
				    &peer->handshake);
	peer->handshake.proof = msg->proof;
}

static void take_accept(struct peer *peer, const union dmem_wire_msg *reply)
{
	bool known = dmem_le32(peer->handshake.challenge.flags) & DMEM_WIRE_F_KNOWN;
	uint8_t mac[DMEM_WIRE_MAC_BYTES];

	peer->accept = reply->accept;
	dmem_wire_mac_accept(mac, peer->key, &peer->handshake, &peer->accept);
	CHECK_MSG(dmem_wire_mac_equal(mac, peer->accept.proof), "the donor's proof is wrong");
	dmem_wire_mac_hello(peer->session_key, peer->key, DMEM_WIRE_LABEL_SESSION,
			    &peer->handshake);
	if (!known)
		dmem_wire_mac_hello(peer->resume_key, peer->key, DMEM_WIRE_LABEL_RESUME_KEY,
				    &peer->handshake);
	peer->known = true;
	peer->attempt = 0;
}

void peer_open(struct peer *peer)
{
	union dmem_wire_msg msg, reply;

	CHECK_MSG(peer_connect_control(peer), "refused: %s: %s",
		  dmem_wire_code_name(dmem_le16(peer->control.reject.code)),
		  peer->control.reject.reason);
	peer_challenge(peer);
	peer_proof(peer, &msg);
	ask(peer, &msg, &reply, DMEM_WIRE_ACCEPT);
	take_accept(peer, &reply);
}

unsigned int peer_lease(struct peer *peer, uint32_t extent, uint64_t generation,
			struct peer_lease *lease)
{
	union dmem_wire_msg msg, reply;

	peer_begin(peer, &msg, DMEM_WIRE_LEASE);
	msg.lease.extent = htole32(extent);
	msg.lease.generation = htole64(generation);
	peer_ask(peer, &msg, &reply);
	if (dmem_le16(reply.header.type) == DMEM_WIRE_ERROR) {
		CHECK(dmem_le16(reply.error.refused) == DMEM_WIRE_LEASE);
		CHECK(!reply.error.flags && dmem_le32(reply.error.extent) == extent);
		return dmem_le32(reply.error.code);
	}
	expect(&reply, DMEM_WIRE_LEASED);
	*lease = (struct peer_lease){
		.extent = dmem_le32(reply.leased.extent),
		.rkey = dmem_le32(reply.leased.rkey),
		.generation = dmem_le64(reply.leased.generation),
		.address = dmem_le64(reply.leased.address),
		.length = dmem_le64(reply.leased.length),
		.lendable_bytes = dmem_le64(reply.leased.lendable_bytes),
	};
	CHECK(lease->extent == extent && (!generation || lease->generation == generation));
	CHECK(lease->length == dmem_le64(peer->accept.extent_bytes));
	return 0;
}

void peer_release(struct peer *peer, const struct peer_lease *lease)
{
	union dmem_wire_msg msg, reply;

	peer_begin(peer, &msg, DMEM_WIRE_RELEASE);
	msg.release.extent = htole32(lease->extent);
	msg.release.generation = htole64(lease->generation);
	ask(peer, &msg, &reply, DMEM_WIRE_RELEASED);
	CHECK(dmem_le64(reply.released.generation) == lease->generation);
}

uint32_t peer_renew(struct peer *peer, uint64_t used_bytes)
{
	union dmem_wire_msg msg, reply;

	peer_begin(peer, &msg, DMEM_WIRE_RENEW);
	msg.renew.stamp_ns = htole64(peer->seq * 1000ULL);
	msg.renew.used_bytes = htole64(used_bytes);
	ask(peer, &msg, &reply, DMEM_WIRE_RENEWED);
	CHECK(reply.renewed.stamp_ns == msg.renew.stamp_ns);
	return dmem_le32(reply.renewed.flags);
}

void peer_stats(struct peer *peer, struct dmem_wire_figures *figures)
{
	union dmem_wire_msg msg, reply;

	peer_begin(peer, &msg, DMEM_WIRE_STATS);
	ask(peer, &msg, &reply, DMEM_WIRE_FIGURES);
	*figures = reply.figures;
}

uint64_t peer_leave(struct peer *peer)
{
	union dmem_wire_msg msg, reply;

	peer_close(&peer->data);
	peer_begin(peer, &msg, DMEM_WIRE_LEAVE);
	ask(peer, &msg, &reply, DMEM_WIRE_LEFT);
	peer_close(&peer->control);
	peer->known = false;
	return dmem_le64(reply.left.released_bytes);
}

void peer_join_cm(struct peer *peer, struct dmem_wire_cm *cm, uint16_t index, uint32_t attempt)
{
	*cm = (struct dmem_wire_cm){
		.magic = htole32(DMEM_WIRE_MAGIC),
		.version = htole16(DMEM_WIRE_VERSION),
		.purpose = htole16(DMEM_WIRE_DATA),
		.session = peer->accept.session,
		.index = htole16(index),
		.attempt = htole32(attempt),
	};
	dmem_wire_mac_cm(cm->proof, peer->session_key, DMEM_WIRE_LABEL_JOIN, cm);
}

void peer_join(struct peer *peer)
{
	uint8_t mac[DMEM_WIRE_MAC_BYTES];
	struct dmem_wire_cm cm;

	peer_join_cm(peer, &cm, 0, ++peer->attempt);
	CHECK_MSG(peer_connect(peer, &peer->data, &cm, sizeof(cm)), "refused: %s: %s",
		  dmem_wire_code_name(dmem_le16(peer->data.reject.code)),
		  peer->data.reject.reason);
	dmem_wire_mac_cm(mac, peer->session_key, DMEM_WIRE_LABEL_JOINED, &peer->data.joined);
	CHECK_MSG(dmem_wire_mac_equal(mac, peer->data.joined.proof), "the joined proof is wrong");
}
