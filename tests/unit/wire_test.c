// SPDX-License-Identifier: GPL-2.0
/*
 * wire_test.c - the donor wire protocol: every message whole passes, every field out of range is
 * refused; proofs against values computed elsewhere (Python's hmac over bytes written by hand).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "wire.h"

#define EXTENT		(64ULL << 20)

static enum dmem_wire_end sender(unsigned int type)
{
	return type % 2 ? DMEM_WIRE_CLIENT : DMEM_WIRE_DONOR;
}

static void make_hello(struct dmem_wire_hello *hello)
{
	memset(hello->nonce, 0x11, sizeof(hello->nonce));
	memset(hello->client, 0x22, sizeof(hello->client));
	strcpy(hello->name, "host1");
	hello->flags = htole32(DMEM_WIRE_F_KEY);
	hello->data_conns = htole16(8);
}

static void make_challenge(struct dmem_wire_challenge *challenge)
{
	memset(challenge->nonce, 0x33, sizeof(challenge->nonce));
	challenge->epoch = htole64(0x0123456789abcdefULL);
	challenge->flags = htole32(DMEM_WIRE_F_KEY | DMEM_WIRE_F_KNOWN);
}

static void make_accept(struct dmem_wire_accept *accept)
{
	accept->session = htole64(0xfeedface);
	accept->extent_bytes = htole64(EXTENT);
	accept->lendable_bytes = htole64(1ULL << 30);
	accept->kept_bytes = htole64(EXTENT);
	accept->renew_ms = htole32(1000);
	accept->grace_ms = htole32(300000);
	accept->max_data_conns = htole16(8);
}

static void make_leased(struct dmem_wire_leased *leased)
{
	leased->extent = htole32(DMEM_WIRE_EXTENTS_MAX - 1);
	leased->rkey = htole32(0x1234);
	leased->generation = htole64(5);
	leased->address = htole64(0x7f0000000000ULL);
	leased->length = htole64(EXTENT);
	leased->lendable_bytes = htole64(EXTENT);
}

/* A message of each type as its sender makes it. */
static void make(union dmem_wire_msg *msg, unsigned int type)
{
	dmem_wire_begin(msg, type, 1);
	switch (type) {
	case DMEM_WIRE_HELLO:
		make_hello(&msg->hello);
		break;
	case DMEM_WIRE_CHALLENGE:
		make_challenge(&msg->challenge);
		break;
	case DMEM_WIRE_ACCEPT:
		make_accept(&msg->accept);
		break;
	case DMEM_WIRE_LEASED:
		make_leased(&msg->leased);
		break;
	case DMEM_WIRE_RELEASE:
		msg->release.generation = htole64(5);
		break;
	case DMEM_WIRE_RELEASED:
		msg->released.generation = htole64(5);
		break;
	case DMEM_WIRE_FIGURES:
		msg->figures.total_bytes = htole64(4 * EXTENT);
		msg->figures.lent_bytes = htole64(3 * EXTENT);
		msg->figures.yours_bytes = htole64(3 * EXTENT);
		msg->figures.lendable_bytes = htole64(EXTENT);
		break;
	case DMEM_WIRE_ERROR:
		msg->error.code = htole32(DMEM_WIRE_FULL);
		msg->error.refused = htole16(DMEM_WIRE_LEASE);
		strcpy(msg->error.reason, "no extent is free");
		break;
	}
}

static void check(const union dmem_wire_msg *msg, size_t len, enum dmem_wire_end from,
		  enum dmem_wire_code want, const char *what)
{
	const char *reason;
	enum dmem_wire_code code = dmem_wire_check(msg, len, from, &reason);

	if (code != want || !!code != !!reason)
		fail_msg("type %u, %s: %s (%s), not %s", dmem_le16(msg->header.type), what,
			 dmem_wire_code_name(code), reason ? reason : "no reason",
			 dmem_wire_code_name(want));
}

static bool type_exists(unsigned int type)
{
	return (type >= DMEM_WIRE_HELLO && type <= DMEM_WIRE_LEFT) || type == DMEM_WIRE_ERROR;
}

static void test_whole_messages_pass(void **state)
{
	union dmem_wire_msg msg;
	unsigned int type;

	(void)state;
	for (type = 0; type < DMEM_WIRE_TYPES + 2; type++) {
		make(&msg, type);
		check(&msg, sizeof(msg), sender(type),
		      type_exists(type) ? DMEM_WIRE_OK : DMEM_WIRE_MALFORMED, "whole");
	}
}

static void test_only_the_sender_may_send(void **state)
{
	union dmem_wire_msg msg;
	unsigned int type;

	(void)state;
	for (type = DMEM_WIRE_HELLO; type <= DMEM_WIRE_LEFT; type++) {
		make(&msg, type);
		check(&msg, sizeof(msg), DMEM_WIRE_CLIENT + DMEM_WIRE_DONOR - sender(type),
		      DMEM_WIRE_UNEXPECTED, "from the other end");
	}
	make(&msg, DMEM_WIRE_ERROR);
	check(&msg, sizeof(msg), DMEM_WIRE_CLIENT, DMEM_WIRE_OK, "from a client");
	check(&msg, sizeof(msg), DMEM_WIRE_DONOR, DMEM_WIRE_OK, "from a donor");
}

static void test_length_and_header(void **state)
{
	union dmem_wire_msg msg, big[2];
	unsigned int type;
	size_t len;

	(void)state;
	for (type = DMEM_WIRE_HELLO; type <= DMEM_WIRE_LEFT; type++) {
		make(&msg, type);
		for (len = 0; len < sizeof(msg); len++)
			check(&msg, len, sender(type), DMEM_WIRE_MALFORMED, "short");
		big[0] = msg;
		check(big, sizeof(msg) + 1, sender(type), DMEM_WIRE_MALFORMED, "long");
		msg.header.magic ^= htole32(1);
		check(&msg, sizeof(msg), sender(type), DMEM_WIRE_MALFORMED, "magic");
		make(&msg, type);
		msg.header.version = htole16(DMEM_WIRE_VERSION + 1);
		check(&msg, sizeof(msg), sender(type), DMEM_WIRE_BAD_VERSION, "version");
		make(&msg, type);
		msg.header.seq = 0;
		check(&msg, sizeof(msg), sender(type), DMEM_WIRE_MALFORMED, "no sequence number");
		make(&msg, type);
		msg.header.reserved = htole32(1U << 31);
		check(&msg, sizeof(msg), sender(type), DMEM_WIRE_MALFORMED, "reserved");
	}
}

static void test_no_byte_after_the_last_field(void **state)
{
	union dmem_wire_msg msg;
	unsigned int type;
	size_t i;

	(void)state;
	for (type = DMEM_WIRE_HELLO; type < DMEM_WIRE_TYPES; type++) {
		if (!type_exists(type))
			continue;
		for (i = dmem_wire_shape(type).used; i < sizeof(msg); i++) {
			make(&msg, type);
			msg.bytes[i] = 1;
			check(&msg, sizeof(msg), sender(type), DMEM_WIRE_MALFORMED, "a byte after");
		}
	}
}

/* Bytes to put over a whole message's field; what makes it a bad one. */
struct spoil {
	unsigned int type;
	size_t offset;
	size_t len;
	uint64_t value;
};

#define SPOIL(type, name, field, value)	\
	{ type, offsetof(union dmem_wire_msg, name.field), \
	  sizeof(((union dmem_wire_msg *)0)->name.field), value }

static const struct spoil spoils[] = {
	SPOIL(DMEM_WIRE_HELLO, hello, nonce, 0),
	SPOIL(DMEM_WIRE_HELLO, hello, client, 0),
	SPOIL(DMEM_WIRE_HELLO, hello, name[0], '\n'),
	SPOIL(DMEM_WIRE_HELLO, hello, name[0], 0x7f),
	SPOIL(DMEM_WIRE_HELLO, hello, name[0], 0),
	SPOIL(DMEM_WIRE_HELLO, hello, name[63], 'x'),
	SPOIL(DMEM_WIRE_HELLO, hello, flags, DMEM_WIRE_F_KEY << 1),
	SPOIL(DMEM_WIRE_HELLO, hello, data_conns, 0),
	SPOIL(DMEM_WIRE_HELLO, hello, data_conns, DMEM_WIRE_DATA_CONNS_MAX + 1),
	SPOIL(DMEM_WIRE_HELLO, hello, reserved, 1),
	SPOIL(DMEM_WIRE_CHALLENGE, challenge, nonce, 0),
	SPOIL(DMEM_WIRE_CHALLENGE, challenge, epoch, 0),
	SPOIL(DMEM_WIRE_CHALLENGE, challenge, flags, DMEM_WIRE_F_KNOWN << 1),
	SPOIL(DMEM_WIRE_CHALLENGE, challenge, reserved, 1),
	SPOIL(DMEM_WIRE_ACCEPT, accept, session, 0),
	SPOIL(DMEM_WIRE_ACCEPT, accept, extent_bytes, 0),
	SPOIL(DMEM_WIRE_ACCEPT, accept, extent_bytes, EXTENT + 4096),
	SPOIL(DMEM_WIRE_ACCEPT, accept, extent_bytes, DMEM_WIRE_EXTENT_MIN / 2),
	SPOIL(DMEM_WIRE_ACCEPT, accept, extent_bytes, DMEM_WIRE_EXTENT_MAX * 2),
	SPOIL(DMEM_WIRE_ACCEPT, accept, lendable_bytes, EXTENT / 2),
	SPOIL(DMEM_WIRE_ACCEPT, accept, kept_bytes, EXTENT / 2),
	SPOIL(DMEM_WIRE_ACCEPT, accept, renew_ms, DMEM_WIRE_RENEW_MS_MIN - 1),
	SPOIL(DMEM_WIRE_ACCEPT, accept, renew_ms, DMEM_WIRE_RENEW_MS_MAX + 1),
	SPOIL(DMEM_WIRE_ACCEPT, accept, renew_ms, UINT32_MAX),
	SPOIL(DMEM_WIRE_ACCEPT, accept, grace_ms, DMEM_WIRE_RENEW_MISSES * 1000 - 1),
	SPOIL(DMEM_WIRE_ACCEPT, accept, grace_ms, DMEM_WIRE_GRACE_MS_MAX + 1),
	SPOIL(DMEM_WIRE_ACCEPT, accept, max_data_conns, 0),
	SPOIL(DMEM_WIRE_ACCEPT, accept, max_data_conns, DMEM_WIRE_DATA_CONNS_MAX + 1),
	SPOIL(DMEM_WIRE_ACCEPT, accept, flags, DMEM_WIRE_F_DRAINING << 1),
	SPOIL(DMEM_WIRE_ACCEPT, accept, reserved, 1),
	SPOIL(DMEM_WIRE_LEASE, lease, extent, DMEM_WIRE_EXTENTS_MAX),
	SPOIL(DMEM_WIRE_LEASE, lease, reserved, 1),
	SPOIL(DMEM_WIRE_LEASED, leased, extent, DMEM_WIRE_EXTENTS_MAX),
	SPOIL(DMEM_WIRE_LEASED, leased, generation, 0),
	SPOIL(DMEM_WIRE_LEASED, leased, length, EXTENT * 3),
	SPOIL(DMEM_WIRE_LEASED, leased, length, 4096),
	SPOIL(DMEM_WIRE_LEASED, leased, address, 0x7f0000000800ULL),
	SPOIL(DMEM_WIRE_LEASED, leased, address, UINT64_MAX - 4095),
	SPOIL(DMEM_WIRE_LEASED, leased, lendable_bytes, EXTENT / 2),
	SPOIL(DMEM_WIRE_RELEASE, release, extent, DMEM_WIRE_EXTENTS_MAX),
	SPOIL(DMEM_WIRE_RELEASE, release, generation, 0),
	SPOIL(DMEM_WIRE_RELEASE, release, reserved, 1),
	SPOIL(DMEM_WIRE_RELEASED, released, extent, DMEM_WIRE_EXTENTS_MAX),
	SPOIL(DMEM_WIRE_RELEASED, released, generation, 0),
	SPOIL(DMEM_WIRE_RELEASED, released, reserved, 1),
	SPOIL(DMEM_WIRE_RENEWED, renewed, flags, DMEM_WIRE_F_DRAINING << 1),
	SPOIL(DMEM_WIRE_RENEWED, renewed, reserved, 1),
	SPOIL(DMEM_WIRE_FIGURES, figures, lent_bytes, 5 * EXTENT),
	SPOIL(DMEM_WIRE_FIGURES, figures, yours_bytes, 3 * EXTENT + 1),
	SPOIL(DMEM_WIRE_FIGURES, figures, lendable_bytes, EXTENT + 1),
	SPOIL(DMEM_WIRE_ERROR, error, code, DMEM_WIRE_OK),
	SPOIL(DMEM_WIRE_ERROR, error, code, DMEM_WIRE_CODES),
	SPOIL(DMEM_WIRE_ERROR, error, refused, DMEM_WIRE_TYPES),
	SPOIL(DMEM_WIRE_ERROR, error, flags, DMEM_WIRE_F_FATAL << 1),
	SPOIL(DMEM_WIRE_ERROR, error, header.seq, 0),
	SPOIL(DMEM_WIRE_ERROR, error, extent, DMEM_WIRE_EXTENTS_MAX),
	SPOIL(DMEM_WIRE_ERROR, error, reserved, 1),
	SPOIL(DMEM_WIRE_ERROR, error, reason[0], 0),
	SPOIL(DMEM_WIRE_ERROR, error, reason[0], 0x1b),
	SPOIL(DMEM_WIRE_ERROR, error, reason[119], 'x'),
};

static void test_fields_out_of_range(void **state)
{
	union dmem_wire_msg msg;
	size_t i, byte;

	(void)state;
	for (i = 0; i < sizeof(spoils) / sizeof(*spoils); i++) {
		const struct spoil *spoil = &spoils[i];
		char what[64];

		make(&msg, spoil->type);
		for (byte = 0; byte < spoil->len; byte++)
			msg.bytes[spoil->offset + byte] =
				byte < 8 ? spoil->value >> 8 * byte : 0;
		snprintf(what, sizeof(what), "spoil %zu at offset %zu", i, spoil->offset);
		check(&msg, sizeof(msg), sender(spoil->type), DMEM_WIRE_MALFORMED, what);
	}
}

/* Whatever comes: an answer, no read outside of it (run under valgrind or ASan to see that). */
static void test_noise(void **state)
{
	uint64_t x = 88172645463325252ULL;
	union dmem_wire_msg msg;
	const char *reason;
	unsigned int i, j;

	(void)state;
	for (i = 0; i < 200000; i++) {
		make(&msg, i % (DMEM_WIRE_TYPES + 1));
		for (j = 0; j < 1 + i % 3; j++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			msg.bytes[x % sizeof(msg)] = x >> 32;
		}
		if (dmem_wire_check(&msg, sizeof(msg), sender(i), &reason))
			assert_non_null(reason);
		else
			assert_null(reason);
	}
}

static struct dmem_wire_cm good_cm(void)
{
	return (struct dmem_wire_cm) {
		.magic = htole32(DMEM_WIRE_MAGIC),
		.version = htole16(DMEM_WIRE_VERSION),
		.purpose = htole16(DMEM_WIRE_DATA),
		.session = htole64(0xfeedface),
		.index = htole16(3),
		.attempt = htole32(7),
	};
}

static void check_cm(const struct dmem_wire_cm *cm, size_t len, enum dmem_wire_code want)
{
	const char *reason;

	assert_int_equal(dmem_wire_check_cm(cm, len, &reason), want);
	assert_int_equal(!reason, !want);
}

static void test_private_data(void **state)
{
	struct dmem_wire_cm cm = good_cm();

	(void)state;
	check_cm(&cm, sizeof(cm), DMEM_WIRE_OK);
	check_cm(&cm, 196, DMEM_WIRE_OK);
	check_cm(&cm, sizeof(cm) - 1, DMEM_WIRE_MALFORMED);
	cm.magic = 0;
	check_cm(&cm, sizeof(cm), DMEM_WIRE_MALFORMED);
	cm = good_cm();
	cm.version = htole16(2);
	check_cm(&cm, sizeof(cm), DMEM_WIRE_BAD_VERSION);
	cm = good_cm();
	cm.purpose = htole16(3);
	check_cm(&cm, sizeof(cm), DMEM_WIRE_MALFORMED);
	cm = good_cm();
	cm.session = 0;
	check_cm(&cm, sizeof(cm), DMEM_WIRE_MALFORMED);
	cm = good_cm();
	cm.attempt = 0;
	check_cm(&cm, sizeof(cm), DMEM_WIRE_MALFORMED);
	cm = good_cm();
	cm.index = htole16(DMEM_WIRE_DATA_CONNS_MAX);
	check_cm(&cm, sizeof(cm), DMEM_WIRE_MALFORMED);
	cm = good_cm();
	cm.reserved = htole16(1);
	check_cm(&cm, sizeof(cm), DMEM_WIRE_MALFORMED);

	cm = good_cm();
	cm.purpose = htole16(DMEM_WIRE_CONTROL);
	check_cm(&cm, sizeof(cm), DMEM_WIRE_MALFORMED);
	cm.session = 0;
	cm.index = 0;
	cm.attempt = 0;
	check_cm(&cm, sizeof(cm), DMEM_WIRE_OK);
	cm.proof[31] = 1;
	check_cm(&cm, sizeof(cm), DMEM_WIRE_MALFORMED);
}

static void test_refusals_pass_the_checks(void **state)
{
	char longer[300] = "\x1b[2Jnasty \xff";
	struct dmem_wire_reject reject;
	union dmem_wire_msg msg, request;

	(void)state;
	memset(longer + strlen(longer), 'x', sizeof(longer) - 1 - strlen(longer));
	make(&request, DMEM_WIRE_LEASE);
	request.lease.extent = htole32(77);
	dmem_wire_refuse(&msg, &request, DMEM_WIRE_QUOTA, false, longer);
	check(&msg, sizeof(msg), DMEM_WIRE_DONOR, DMEM_WIRE_OK, "refusal");
	assert_int_equal(dmem_le32(msg.error.extent), 77);
	assert_int_equal(dmem_le16(msg.error.refused), DMEM_WIRE_LEASE);
	assert_int_equal(msg.error.flags, 0);
	assert_string_not_equal(msg.error.reason, longer);

	memset(&request, 0xff, sizeof(request));
	dmem_wire_refuse(&msg, &request, DMEM_WIRE_MALFORMED, true, "");
	check(&msg, sizeof(msg), DMEM_WIRE_DONOR, DMEM_WIRE_OK, "refusal of garbage");
	make(&request, DMEM_WIRE_LEASE);
	request.lease.extent = htole32(UINT32_MAX);
	dmem_wire_refuse(&msg, &request, DMEM_WIRE_MALFORMED, true, "bad");
	check(&msg, sizeof(msg), DMEM_WIRE_DONOR, DMEM_WIRE_OK, "refusal of a bad extent");
	dmem_wire_refuse(&msg, NULL, DMEM_WIRE_SUPERSEDED, false, "newer session");
	check(&msg, sizeof(msg), DMEM_WIRE_DONOR, DMEM_WIRE_OK, "refusal of nothing");
	assert_int_equal(dmem_le16(msg.error.flags), DMEM_WIRE_F_FATAL);

	dmem_wire_begin_reject(&reject, DMEM_WIRE_BAD_VERSION, longer);
	assert_true(dmem_wire_check_reject(&reject, 148));
	assert_false(dmem_wire_check_reject(&reject, sizeof(reject) - 1));
	reject.reason[119] = 'x';
	assert_false(dmem_wire_check_reject(&reject, 148));
}

static void test_every_code_has_a_name(void **state)
{
	unsigned int code;

	(void)state;
	for (code = 0; code < DMEM_WIRE_CODES; code++)
		assert_non_null(dmem_wire_code_name(code));
	assert_string_equal(dmem_wire_code_name(DMEM_WIRE_CODES), "unknown");
}

static void check_mac(const uint8_t *mac, const char *hex)
{
	char text[2 * DMEM_WIRE_MAC_BYTES + 1];
	unsigned int i;

	for (i = 0; i < DMEM_WIRE_MAC_BYTES; i++)
		sprintf(text + 2 * i, "%02x", mac[i]);
	assert_string_equal(text, hex);
}

static void test_proofs(void **state)
{
	uint8_t key[DMEM_WIRE_KEY_BYTES], mac[DMEM_WIRE_MAC_BYTES];
	struct dmem_wire_handshake handshake;
	struct dmem_wire_cm cm = good_cm();
	union dmem_wire_msg msg;
	unsigned int i;

	(void)state;
	for (i = 0; i < sizeof(key); i++)
		key[i] = i;
	make(&msg, DMEM_WIRE_HELLO);
	handshake.hello = msg.hello;
	make(&msg, DMEM_WIRE_CHALLENGE);
	handshake.challenge = msg.challenge;
	dmem_wire_begin(&msg, DMEM_WIRE_PROOF, 2);
	dmem_wire_mac_hello(msg.proof.proof, key, DMEM_WIRE_LABEL_CLIENT, &handshake);
	check_mac(msg.proof.proof,
		  "b4fa0e7ae03ed8779eb7863bf4a755e17c27c45e4bbf6f1baa8fb84e19f3dc0f");
	memset(msg.proof.resume, 0x44, sizeof(msg.proof.resume));
	handshake.proof = msg.proof;
	dmem_wire_mac_hello(mac, key, DMEM_WIRE_LABEL_RESUME_KEY, &handshake);
	check_mac(mac, "a94399290be5f71db6bc11f1282a9fbe7d09fe2767035dadf22f0758c17114e1");
	dmem_wire_mac_hello(mac, key, DMEM_WIRE_LABEL_RESUME, &handshake);
	check_mac(mac, "3c2ac2c4827d67ec1971263c9455e9a16cd7db93828d0b773b863661271c3985");

	make(&msg, DMEM_WIRE_ACCEPT);
	msg.header.seq = htole32(2);
	dmem_wire_mac_accept(msg.accept.proof, key, &handshake, &msg.accept);
	check_mac(msg.accept.proof,
		  "335dbfb2684f823e2f5c50af25b1ca055a7460e64778e26a937ce90072f5490f");
	/* Checked as it came, proof and all. */
	dmem_wire_mac_accept(mac, key, &handshake, &msg.accept);
	assert_true(dmem_wire_mac_equal(mac, msg.accept.proof));
	mac[31] ^= 1;
	assert_false(dmem_wire_mac_equal(mac, msg.accept.proof));

	dmem_wire_mac_hello(mac, key, DMEM_WIRE_LABEL_SESSION, &handshake);
	check_mac(mac, "c0b9aedf1d65efc4d9fa73bd4ced4d6d0d6a11e82a699f57a0baf69f1fe92d44");
	dmem_wire_mac_cm(cm.proof, mac, DMEM_WIRE_LABEL_JOIN, &cm);
	check_mac(cm.proof, "ce7a8465e4029a913f9ce262d377f9a90b7ec69a9c2ca653fb3a3ccef3369333");
	dmem_wire_mac_cm(cm.proof, mac, DMEM_WIRE_LABEL_JOINED, &cm);
	check_mac(cm.proof, "9d8a2295257f8e802984240ca110fed85d66926d52968449d9558e50296d272f");
}

static const char hex_key[] = "000102030405060708090a0b0c0d0e0f101112131415161718191A1B1C1D1E1F";

static int read_key_of(const char *text, size_t len, mode_t mode, uint8_t *key)
{
	char path[] = "/tmp/wire_test.XXXXXX";
	struct dmem_error error;
	int fd = mkstemp(path), err;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
	memset(key, 0xee, DMEM_WIRE_KEY_BYTES);
	err = dmem_wire_read_key(path, key, &error);
	unlink(path);
	if (err)
		assert_true(dmem_wire_is_zero(key, DMEM_WIRE_KEY_BYTES));
	/* A key never shows in what is said about it. */
	if (err && len > 8)
		assert_null(memmem(error.text, strlen(error.text), text, 8));
	return err;
}

static void test_key_files(void **state)
{
	uint8_t key[DMEM_WIRE_KEY_BYTES];
	char text[80];
	unsigned int i;

	(void)state;
	assert_int_equal(read_key_of(hex_key, 64, 0600, key), 0);
	for (i = 0; i < sizeof(key); i++)
		assert_int_equal(key[i], i);
	snprintf(text, sizeof(text), "%s\n", hex_key);
	assert_int_equal(read_key_of(text, 65, 0400, key), 0);
	assert_int_equal(read_key_of(text, 65, 0640, key), -EPERM);
	assert_int_equal(read_key_of(text, 65, 0604, key), -EPERM);
	assert_int_equal(read_key_of(text, 63, 0600, key), -EINVAL);
	assert_int_equal(read_key_of("", 0, 0600, key), -EINVAL);
	snprintf(text, sizeof(text), "%s\n\n", hex_key);
	assert_int_equal(read_key_of(text, 66, 0600, key), -EINVAL);
	snprintf(text, sizeof(text), "%s0", hex_key);
	assert_int_equal(read_key_of(text, 65, 0600, key), -EINVAL);
	snprintf(text, sizeof(text), "%s", hex_key);
	text[63] = 'g';
	assert_int_equal(read_key_of(text, 64, 0600, key), -EINVAL);
	text[62] = ' ';
	text[63] = ' ';
	assert_int_equal(read_key_of(text, 64, 0600, key), -EINVAL);
	memset(text, '0', 64);
	assert_int_equal(read_key_of(text, 64, 0600, key), -EINVAL);
}

static void test_key_files_that_are_none(void **state)
{
	uint8_t key[DMEM_WIRE_KEY_BYTES];
	struct dmem_error error;

	(void)state;
	assert_int_equal(dmem_wire_read_key("/nowhere/key", key, &error), -ENOENT);
	assert_true(dmem_wire_is_zero(key, sizeof(key)));
	assert_int_equal(dmem_wire_read_key("/dev/zero", key, &error), -EINVAL);
	assert_int_equal(dmem_wire_read_key("/tmp", key, &error), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_messages_pass),
		cmocka_unit_test(test_only_the_sender_may_send),
		cmocka_unit_test(test_length_and_header),
		cmocka_unit_test(test_no_byte_after_the_last_field),
		cmocka_unit_test(test_fields_out_of_range),
		cmocka_unit_test(test_noise),
		cmocka_unit_test(test_private_data),
		cmocka_unit_test(test_refusals_pass_the_checks),
		cmocka_unit_test(test_every_code_has_a_name),
		cmocka_unit_test(test_proofs),
		cmocka_unit_test(test_key_files),
		cmocka_unit_test(test_key_files_that_are_none),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
